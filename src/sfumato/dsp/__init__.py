"""Ground floor: the mathematics of sampled sound, as pure functions on tensors.

::

    stft    sound to complex lines in time and frequency, and back without loss
    mel     levels in bands that are spaced like hearing, in decibels

The last dimension of a signal is time, and whatever comes before it is a batch. Amplitudes are
relative to full scale, 1.
"""
