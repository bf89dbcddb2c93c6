"""Towers that run at a provider, reached over HTTP: what they embed leaves this machine."""
