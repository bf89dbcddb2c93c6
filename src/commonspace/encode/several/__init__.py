"""Spaces made of several: bridges, which make two spaces one, and bundles, which keep spaces side by side."""
