"""What people do with the space: fill a collection and search it."""
