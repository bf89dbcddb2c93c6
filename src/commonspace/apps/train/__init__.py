"""A training run from a recipe to a head that is promoted or rejected: data, heads, measuring, the gate, the papers."""
