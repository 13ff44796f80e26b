"""Runs as files: the directory, its spec, its weights, and what is known about them."""
