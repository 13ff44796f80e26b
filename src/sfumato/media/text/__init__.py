"""Text: files to documents to rows of tokens, and back.

::

    settings            how texts are read, and what their tokens are
    files               which files of a folder are texts
    plain, records      the text of one file: .txt and .md; .jsonl and .csv
    documents           all documents of a file or folder
    tokenizer           what every tokenizer can do
    tokens, bpe         characters and bytes; pieces of words
    library, building   tokenised documents in a memory-mapped cache, and how it is filled
    survey              figures about texts that pass by
    rows                documents as rows of a fixed number of tokens
    check               a look at a set of texts before training on it
"""
