"""Rebuilds the bundled media from Debian packages and from nothing: run ``python -m samples.make``."""
