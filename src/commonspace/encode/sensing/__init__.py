"""Towers for sensor recordings and table rows: no network, arithmetic and a text tower."""
