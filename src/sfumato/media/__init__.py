"""Media: files to items to tensors, and back.

::

    index, metadata     a folder as a list of items with labels and captions
    image_open, svg     one picture from a file that nobody vouches for
    image_fit           any size to a square
    image               the image medium: read, encode, decode, augment, write, show
    dataset, split      decoded items in a memory-mapped cache; training and held-out parts
    order               which items a step sees: a pure function of (seed, step)
    recipe_chunk        pictures that carry how they were made
    sheet               contact sheets
    check               a look at a set of pictures before training on it
    text                the text medium: documents, tokens, libraries, rows, and a look at them
    catalogue           data sets from package registries
"""
