"""Text: files to documents to rows of tokens, and back.

::

    settings               how texts are read and tokenised
    files                  the text files of a folder
    documents, records     all documents of a file or folder; the records of .jsonl and .csv files
    tokenizer, tokens      the base of all tokenizers and BPE; characters and bytes
    collection             the documents before they are tokenised, and statistics about them
    identity               digests of files and tokens
    library, building      tokenised documents in a memory-mapped cache, and how it is built
    rows                   documents as rows of a fixed number of tokens
    medium, recipes        the text medium; the ready-made recipes
    folder, check          folders of sampled texts; reports on sets of texts
"""
