"""Trains what makes modalities comparable: losses, heads, closed forms, fusion, and what keeps the old alignment."""
