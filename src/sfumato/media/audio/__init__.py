"""Audio: files to clips of one rate and length, to tensors that a process works on, and back.

::

    settings            how audio files are read, represented and augmented
    survey              the headers of all files of a folder
    reader              files as clips, and long files as many clips
    representation      clips as the network sees them, and back
    augmentation        clips varied for training
    medium              the audio medium: read, encode, decode, write, show
    provenance          audio files that contain their provenance
    folder              folders of sampled clips
    picture             drawings of waveforms and spectrograms
    quantities          times and frequencies as a user writes them
    editing             plans of edits: gaps, extensions, bandwidth, clipping, noise
    canvas              whole sounds, and the part of one that is restored
    applying            plans applied to sounds: what is known, and how results become sounds
    phases              restored frames joined to known ones
    usage               rows on what a run uses of its files
    check               reports on sets of audio
    recipes             the ready-made recipes
"""
