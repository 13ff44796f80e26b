"""Media: from files to items to tensors, and back.

::

    medium, numbers      what a medium is; the base of media whose items are arrays of one shape
    facts, folder        what a run records of its data; folders that samples are written to
    registry             the media that there are, and their recipes by name
    data                 files, decoded items in a memory-mapped cache, held-out parts, batches
    image, audio, text   one column for each medium: settings, reading, recipes, looks, samples
"""
