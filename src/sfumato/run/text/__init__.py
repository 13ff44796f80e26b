"""Runs on text: what they learn from, how they are sampled, filled and measured."""
