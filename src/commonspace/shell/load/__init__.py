"""A load on a service over HTTP, and what is shown of it."""
