"""Recipes rebuild the shipped weights from pinned public sources; the product never imports them."""
