from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sfumato.errors import DamagedFile
from sfumato.media.text import stored, tokenizer
from sfumato.media.text.stored import checked
from sfumato.media.text.tokenizer import BPETokenizer
from sfumato.media.text.tokens import tokenizer_from_json
from tests.growth import require_linear

TEXTS = ["banana bandana é日本 12 + 13\n"] * 9


def description(across_words: bool = False) -> dict[str, Any]:
    stored_form = BPETokenizer.learn(TEXTS, 300, across_words).to_json()["model"]
    found: dict[str, Any] = json.loads(stored_form)
    return found


@pytest.mark.parametrize("across_words", [False, True])
def test_what_is_written_is_read(across_words: bool) -> None:
    learnt = BPETokenizer.learn(TEXTS, 300, across_words)
    again = tokenizer_from_json(learnt.to_json())
    assert again.to_json() == learnt.to_json()
    assert again.encode(TEXTS[0]).tolist() == learnt.encode(TEXTS[0]).tolist()


def padded(whole: dict[str, Any]) -> None:
    whole["padding"] = {
        "strategy": {"Fixed": 2_000_000_000}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "!",
    }  # fmt: skip


def truncated(whole: dict[str, Any]) -> None:
    whole["truncation"] = {
        "direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip


def chained(whole: dict[str, Any]) -> None:
    one = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    whole["normalizer"] = {"type": "Sequence", "normalizers": [one] * 40}


def huge(whole: dict[str, Any]) -> None:
    vocab = whole["model"]["vocab"]
    vocab |= {f"{number}": number for number in range(len(vocab), 70_000)}


def twice(whole: dict[str, Any]) -> None:
    vocab = whole["model"]["vocab"]
    vocab[max(vocab, key=vocab.__getitem__)] = 0


def missing_token(whole: dict[str, Any]) -> None:
    whole["model"]["merges"][0] = ["q", "zz"]


def change(*path: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def apply(whole: dict[str, Any]) -> None:
        for name in path[:-1]:
            whole = whole[name]
        whole[path[-1]] = to

    return apply


ATTACKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "padding to 2e9": padded,
    "truncation": truncated,
    "chained normalizers": chained,
    "a huge vocabulary": huge,
    "equal numbers": twice,
    "a merge of a missing token": missing_token,
    "an added token": change("added_tokens", to=[{"id": 0, "content": "x", "special": True}]),
    "a post-processor": change("post_processor", to={"type": "Sequence", "processors": []}),
    "a decoder": change("decoder", to={"type": "Fuse"}),
    "another pre-tokenizer": change("pre_tokenizer", to={"type": "Whitespace"}),
    "no pre-tokenizer": change("pre_tokenizer", to=None),
    "a prefix": change("pre_tokenizer", "add_prefix_space", to=True),
    "a number for a truth": change("pre_tokenizer", "use_regex", to=0),
    "a pattern": change(
        "pre_tokenizer",
        to={"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"},
    ),
    "dropout": change("model", "dropout", to=0.5),
    "another model": change("model", "type", to="Unigram"),
    "an unknown token": change("model", "unk_token", to="!"),
    "a suffix": change("model", "end_of_word_suffix", to="</w>"),
    "a field more": change("model", "more", to=1),
    "a part more": change("more", to=None),
    "another version": change("version", to="2.0"),
    "no vocabulary": change("model", "vocab", to={}),
    "a vocabulary of numbers": change("model", "vocab", to=[1, 2]),
    "no merges": change("model", "merges", to=[]),
    "merges as text": change("model", "merges", to=["a n"]),
    "merges of three": change("model", "merges", to=[["a", "n", "a"]]),
    "endless merges": change("model", "merges", to=[["a", "n"]] * 5000),
    "a truth for a number": change("model", "vocab", "!", to=True),
    "a negative number": change("model", "vocab", "!", to=-1),
    "a model that is a list": change("model", to=[]),
    "half of a character": change("model", "vocab", "\ud800", to=300),
    "a letter that is no byte": change("model", "vocab", "\u20ac", to=300),
    "merges of half a character": change("model", "merges", to=[["\ud800", "a"]]),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_all_else_is_refused_before_the_library_sees_it(
    attack: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = description()
    attack(whole)
    monkeypatch.setattr(tokenizer, "require_package", None)
    with pytest.raises(DamagedFile) as refused:
        tokenizer_from_json({"kind": "bpe", "model": json.dumps(whole)})
    refused.value.why.encode()  # Nothing of the file is in it that no terminal can write.


@pytest.mark.parametrize("missing", ["version", "padding", "model", "pre_tokenizer", "normalizer"])
def test_parts_that_are_missing(missing: str) -> None:
    whole = description()
    del whole[missing]
    with pytest.raises(ValueError, match=missing):
        checked(json.dumps(whole))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '"x"', '{"model": {}, "model": {}}', "1" * 9]
)
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(ValueError):
        checked(text)


def test_a_name_that_occurs_twice() -> None:
    text = json.dumps(description()).replace('"!":', '"!": 1, "!":', 1)
    with pytest.raises(ValueError, match="twice"):
        checked(text)


def test_one_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_LARGEST", 100)
    with pytest.raises(ValueError, match="larger than"):
        checked(json.dumps(description()))


def test_the_time_is_linear_in_the_size() -> None:
    def work_of(tokens: int) -> Callable[[], object]:
        whole = description()
        vocab = whole["model"]["vocab"]
        for number in range(len(vocab), tokens):
            vocab["a" * (number % 97 + 2) + str(number)] = number
        text = json.dumps(whole)

        def work() -> None:
            with pytest.raises(ValueError, match="made by no merge"):
                checked(text)

        return work

    require_linear(work_of, 8000)
