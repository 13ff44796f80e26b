"""The provenance of a text, read back without trust in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sfumato.errors import DataError
from sfumato.media.text.medium import TextMedium
from sfumato.model.provenance import TokenProvenance, read_provenance
from sfumato.sampling.tokens import Remasking

GOOD: dict[str, Any] = {
    "sfumato": "0.1", "run": "a", "model": "ff", "seed": 3, "index": 0, "label": None,
    "sampler": {"kind": "remasking", "eta": 0.5}, "steps": 8, "scale": 1.0, "temperature": 1.0,
    "top_p": 1.0, "length": 12, "tile": 4,
}  # fmt: skip


def read(path: Path) -> TokenProvenance:
    return read_provenance(path, TokenProvenance, TextMedium.read_provenance)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Three texts, with indices 0, 1 and 2."""
    path = tmp_path / "samples.jsonl"
    recipes = [{"text": "é\u2028\n", "recipe": {**GOOD, "index": index}} for index in range(3)]
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in recipes))
    return path


def test_a_line_is_named_by_its_number(lines: Path) -> None:
    assert read(lines).index == 0
    for number in (1, 2, 3):
        stored = read(lines.with_name(f"samples.jsonl:{number}"))
        assert stored.index == number - 1
        assert stored.sampler.model_dump() == Remasking(eta=0.5).model_dump()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    stored = TokenProvenance.model_validate(GOOD)
    (tmp_path / "a").write_text(json.dumps({"recipe": stored.stored()}))
    assert read(tmp_path / "a") == stored


def test_a_file_whose_name_ends_like_a_line_number(tmp_path: Path) -> None:
    (tmp_path / "odd:2").write_text(json.dumps({"recipe": GOOD}))
    assert read(tmp_path / "odd:2").seed == 3


def test_later_versions_may_say_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps({"recipe": {**GOOD, "mood": "sad"}, "more": 1}))
    assert read(tmp_path / "a").steps == 8


@pytest.mark.parametrize("number", ["4", "99999999"])
def test_a_line_that_is_not_there(lines: Path, number: str) -> None:
    with pytest.raises(DataError, match=rf"samples\.jsonl' has no line {number}\."):
        read(lines.with_name(f"samples.jsonl:{number}"))


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{", b"[]", b"3", b"null", b'{"text": "a"}', b"\xff\xfe", b"[" * 100_000,
     b'{"recipe": ' + b"9" * 5000 + b"}"],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_recipe(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a")
    words = ("carries no provenance", "is damaged", "has no line 1")
    assert any(word in caught.value.what for word in words)


@pytest.mark.parametrize("place", ["nowhere.jsonl", "nowhere.jsonl:2", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, place: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / place)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed"), ({"seed": 2**63}, "seed"), ({"steps": 0}, "steps"),
        ({"steps": 10**9}, "steps"), ({"tile": 10**9}, "tile"), ({"length": 10**9}, "length"),
        ({"temperature": 0}, "temperature"), ({"temperature": float("nan")}, "temperature"),
        ({"scale": float("inf")}, "scale"), ({"top_p": 2}, "top_p"), ({"label": 3}, "label"),
        ({"sampler": {"kind": "heun"}}, "sampler"), ({"sampler": "ancestral"}, "sampler"),
    ],
)  # fmt: skip
def test_what_no_text_has_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    (tmp_path / "a").write_text(json.dumps({"recipe": {**GOOD, **change}}))
    with pytest.raises(DataError, match=r"provenance in .*damaged") as caught:
        read(tmp_path / "a")
    assert caught.value.why.startswith(words)
