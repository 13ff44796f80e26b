"""Audio: files to clips of one rate and length, to tensors that a process works on, and back.

::

    settings            how audio files are read, represented and augmented
    open                decoding of one untrusted audio file
    fit                 channels, rate, silence at the ends, length and level of clips
    reader              files as clips, and long files as many clips
    representation      clips as the network sees them, and back; augmentation
    medium              the audio medium: read, encode, decode, write, show
    provenance          audio files that contain their provenance
    folder              folders of sampled clips
    picture             drawings of waveforms and spectrograms
    check               reports on sets of audio
    recipes             the ready-made recipes
"""
