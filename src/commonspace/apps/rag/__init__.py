"""Retrieval for generation: what is found becomes passages, pictures and clips with citations."""
