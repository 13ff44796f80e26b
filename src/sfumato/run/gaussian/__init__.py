"""Runs by Gaussian diffusion, on pictures and on sounds: what is the same for both."""
