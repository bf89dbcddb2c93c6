"""Measures of retrieval: numbers about the path that users get."""
