"""Ground floor: the mathematics of noising, as pure functions on tensors.

A process turns clean data ``x0`` into noise as the time ``t`` goes from 0 to 1. Times and the
coefficients computed from them are float64 tensors on the CPU; they are cast to the dtype and
device of the data where they meet it, so that no precision is lost on the way.
"""
