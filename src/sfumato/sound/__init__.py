"""Untrusted audio files: opened, decoded block by block, measured and fitted to clips.

::

    source       the interface of an opened file
    riff         WAV files with damaged headers, repaired while they are read
    caf          the same for CAF files
    splice       a file that is read behind a new header
    sndfile      files that libsndfile decodes
    container    sound in MPEG-4 and Matroska files
    open         opening a file, whichever package decodes it, and bounds on what it holds
    fit          channels, rate, silence at the ends, length and level of clips
    clipping     where a sound was cut off, and what its peaks may have been
    joining      what was made anew, joined to what is known around it
    loudness     how loud a file is, over its whole length
    cursor       stretches of long files, decoded in order
"""
