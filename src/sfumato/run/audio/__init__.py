"""Runs on sounds: what they learn from, the files they make, and how they are measured."""
