"""Settings, and later the service."""
