"""Evaluation of runs: distance to real items, variety, novelty and likelihood."""
