"""Checkpoints that people know, as spaces: each family of models in one file, read from a folder, run as towers."""
