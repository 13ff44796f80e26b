"""The verbs: the operations on runs and data, one file for each."""
