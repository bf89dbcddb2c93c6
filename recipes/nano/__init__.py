"""The recipe of `nano`, the embedded space: `python -m recipes.nano --out models/nano`."""
