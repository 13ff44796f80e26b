"""Training a run: data, task, and the course of training."""
