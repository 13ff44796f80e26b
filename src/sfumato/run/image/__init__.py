"""Runs on pictures: what they learn from, how they are sampled, and the files they make."""
