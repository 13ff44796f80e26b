"""Peers' training loops and the pictures they read: shared by the benchmarks beside this folder."""
