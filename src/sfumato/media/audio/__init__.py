"""Audio: files to clips of one rate and length, to tensors that a process works on, and back.

::

    settings            how sounds are read, what the network sees of them, how they are varied
    files               which files of a folder are sounds
    open                one sound from a file that nobody vouches for
    fit                 any sound to clips: channels, rate, silence at the ends, length, level
    reader, stretches   files as clips; long ones as many
    representation      clips as the network sees them, and back
    vary                augmentation
    medium              the audio medium: read, encode, decode, vary, write, show
    sound_recipe        sounds that carry how they were made
    picture             waveforms and spectrograms to look at
    check               a look at a set of sounds before training on it
"""
