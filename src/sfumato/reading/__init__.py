"""Files of text as their readers need them: unpacked, in UTF-8, in lines, records and elements.

::

    encoding     which encoding a file is in
    short        the text of a short file as a whole
    stream       the bytes of a file in UTF-8, unpacked, in chunks
    lines        the lines of a stream, each up to a limit
    table        the records of a table with separators (CSV, TSV)
    elements     the elements of an array in a JSON file, one by one

Nothing here trusts a file: every reader needs a bounded amount of memory, and time in proportion to
the size of the file.
"""
