"""Networked stores of vectors behind the house's index: Milvus, PostgreSQL with pgvector, LanceDB, Qdrant."""
