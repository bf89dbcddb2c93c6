"""Checked arrays become unit vectors in a space; knows no index."""
