"""Bytes become checked arrays here, and nowhere else; knows no model and no index."""
