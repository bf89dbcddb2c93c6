"""Bundled sample media and what makes them."""
