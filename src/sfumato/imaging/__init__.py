"""Decoding image files: what formats, colour profiles, samples of many bits and drawings mean.

Nothing here knows of data sets or models: a file goes in, and pixels come out.
"""
