"""Nouns and arithmetic that everything else speaks in; knows no file, no model and no index."""
