"""The outermost layer: wiring and the command line."""
