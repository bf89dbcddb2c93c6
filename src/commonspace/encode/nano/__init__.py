"""The embedded space: small towers whose weights travel with the project."""
