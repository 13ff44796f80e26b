"""The stored form of byte-pair encodings: one closed form, checked before the library reads it.

The package ``tokenizers`` reads much more than the tokenizers that are written here: texts padded
to any length, chains of normalizers, texts that are cut off in silence. A file may ask for none of
that. What differs from the form below in any part is refused, and the library gets a description
that is made anew from the vocabulary and the merges alone.
"""

from __future__ import annotations

import json
from typing import Any

_LARGEST = 64 << 20
_MOST_TOKENS = 65_536
_LONGEST_TOKEN = 1 << 14
# Bytes are written as letters up to this one.
_LAST_LETTER = "\u0143"
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_WITHIN_WORDS = _BYTE_LEVEL | {"use_regex": True}
_ACROSS_WORDS = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"String": "\n"}, "behavior": "Isolated", "invert": False},
        _BYTE_LEVEL | {"use_regex": False},
    ],
}
_WHOLE: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "post_processor": None,
    "decoder": None,
}
_MODEL: dict[str, Any] = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}


def checked(stored: str) -> str:
    """Check a stored byte-pair encoding, and make its description anew.

    Args:
        stored: The description as JSON.

    Returns:
        A description with nothing in it but what was checked.

    Raises:
        ValueError: It is not of the closed form.
    """
    if len(stored) > _LARGEST:
        raise ValueError(f"the merges are larger than {_LARGEST >> 20} MiB")
    try:
        whole = json.loads(stored, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("the merges are nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError("the merges are not JSON") from error
    found = _part(whole, "pre_tokenizer")
    cut = next((form for form in (_WITHIN_WORDS, _ACROSS_WORDS) if form == found), None)
    if cut is None:
        raise ValueError("the pre_tokenizer is none that is written here")
    model = _part(whole, "model")
    _require_equal(whole, _WHOLE, ("pre_tokenizer", "model"))
    _require_equal(model, _MODEL, ("vocab", "merges"))
    vocab = _vocabulary(model.get("vocab"))
    merges = _merges(model.get("merges"), vocab)
    made = _MODEL | {"vocab": vocab, "merges": merges}
    return json.dumps(_WHOLE | {"pre_tokenizer": cut, "model": made})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name occurs twice in the merges")
    return fields


def _part(whole: object, name: str) -> dict[str, Any]:
    part = whole.get(name) if isinstance(whole, dict) else None
    if not isinstance(part, dict):
        raise ValueError(f"the merges have no part '{name}'")
    return part


def _require_equal(found: dict[str, Any], form: dict[str, Any], others: tuple[str, ...]) -> None:
    """Check that all fields but ``others`` are there and have the values of the form."""
    for name in found.keys() | form.keys() - set(others):
        if name in others:
            continue
        value = found.get(name, _MISSING)
        if name not in form or type(value) is not type(form[name]) or value != form[name]:
            raise ValueError(f"{ascii(name)[:80]} is not as it is written here")


_MISSING = object()


def _vocabulary(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not 256 <= len(value) <= _MOST_TOKENS:
        raise ValueError(f"the vocabulary does not have 256 to {_MOST_TOKENS:,} tokens")
    numbers = set[int]()
    for token, number in value.items():
        if type(number) is not int or not 0 <= number < len(value) or number in numbers:
            raise ValueError("the tokens are not numbered from 0")
        if not 0 < len(token) <= _LONGEST_TOKEN:
            raise ValueError(f"a token is empty or longer than {_LONGEST_TOKEN:,} bytes")
        if max(token) > _LAST_LETTER:
            raise ValueError("a token holds a letter that stands for no byte")
        numbers.add(number)
    return value


def _merges(value: object, vocab: dict[str, int]) -> list[list[str]]:
    # Two merges can make the same token, from parts of other lengths.
    if not isinstance(value, list) or len(value) > 4 * len(vocab):
        raise ValueError("there are more merges than the tokens need")
    made, pairs = set[str](), set[tuple[str, str]]()
    for pair in value:
        if not isinstance(pair, list) or [type(each) for each in pair] != [str, str]:
            raise ValueError("a merge is not a pair of tokens")
        whole = "".join(pair)
        if not vocab.keys() >= {*pair, whole}:
            raise ValueError(f"a merge names a token that is missing: {ascii(pair)[:80]}")
        made.add(whole)
        pairs.add((pair[0], pair[1]))
    if len(pairs) < len(value):
        raise ValueError("a merge occurs twice")
    if any(len(token) > 1 and token not in made for token in vocab):
        raise ValueError("a token is made by no merge")
    return value
