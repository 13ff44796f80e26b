from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.speech import LARGEST, Recogniser, cardinal, ordinal, same_word, word_accuracy
from sfumato.storage import default_cache

# The user's own; tests get another.
MODELS = default_cache() / "models"

SAME = [
    ("7", "seven"),
    (" Seven.", "seven"),
    ("7!", "Seven"),
    ("20", "twenty"),
    ("21", "twenty-one"),
    ("007", "zero zero seven"),
    ("1,000", "one thousand"),
    ("1000", "thousand"),
    ("100.", "hundred"),
    ("100,000", "a hundred thousand"[2:]),
    ("12,345", "twelve thousand three hundred and forty-five"),
    ("1st", "first"),
    ("100th", "hundredth"),
    ("22nd", "twenty-second"),
    ("It's", "its"),
    ("It’s", "it's"),
    ("5 of 6", "five of six"),
    ("1234567", "one two three four five six seven"),
    ("Café", "cafe\u0301"),
    ("...", ""),
]
DIFFERENT = [
    ("one thousand", "thousand"),
    ("one hundred", "hundred"),
    ("1,100", "thousand one hundred"),
    ("100 cats", "one cats"),
    ("7", "seventy"),
    ("7D", "seventy"),
    ("30s", "thirty"),
    ("30s", "thirty s"),
    ("6", "sixth"),
    ("for", "four"),
    ("1,00", "one thousand"),
    ("", "seven"),
    ("seven seven", "seven"),
    ("sand and", "sand"),
]


@pytest.mark.parametrize(("heard", "wanted"), SAME)
def test_the_same_word(heard: str, wanted: str) -> None:
    assert same_word(heard, wanted)
    assert same_word(wanted, heard)


@pytest.mark.parametrize(("heard", "wanted"), DIFFERENT)
def test_another_word(heard: str, wanted: str) -> None:
    assert not same_word(heard, wanted)
    assert not same_word(wanted, heard)


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_digits_are_words(one: int, other: int) -> None:
    assert same_word(f"{one:,}.", cardinal(one).title())
    assert same_word(str(one), f"{one:,}")
    assert same_word(str(one), cardinal(other)) == (one == other)


@given(st.text())
def test_any_text_is_itself(text: str) -> None:
    assert same_word(text, text)


def test_the_share_of_words() -> None:
    assert word_accuracy(["7.", "Ate", "Nine!", ""], ["seven", "eight", "nine", "one"]) == 0.5
    with pytest.raises(DataError, match="no words"):
        word_accuracy([], [])
    with pytest.raises(ValueError, match="shorter"):
        word_accuracy(["one"], [])


class StandIn:
    """Hears how long a clip is without its silence, in milliseconds."""

    made: dict[str, Any]

    def __init__(self, folder: str, **settings: Any) -> None:
        StandIn.made = {"folder": folder, **settings}

    def transcribe(self, sound: Any, **settings: Any) -> tuple[list[Any], None]:
        assert sound.dtype == np.float32
        assert settings["language"] == "en"
        assert settings["temperature"] == 0
        inside = np.flatnonzero(sound)
        assert len(sound) - len(inside) == 16_000
        assert inside[0] == 8000
        return [SimpleNamespace(text=f" {len(inside) // 16}"), SimpleNamespace(text=" ms.")], None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    package = SimpleNamespace(WhisperModel=StandIn)
    monkeypatch.setitem(sys.modules, "faster_whisper", package)  # type: ignore[arg-type]
    return package


def test_clips_are_padded_and_mixed(folder: Path, package: SimpleNamespace) -> None:
    recogniser = Recogniser(folder)
    assert StandIn.made["folder"] == str(folder)
    assert StandIn.made["local_files_only"] is True
    clips = torch.rand(2, 2, 1600) + 0.1
    assert recogniser.transcribe(clips, 16_000) == ["100 ms."] * 2
    assert recogniser.transcribe(clips[:0], 16_000) == []


def test_clips_are_resampled(folder: Path, package: SimpleNamespace) -> None:
    pytest.importorskip("soxr")
    assert Recogniser(folder).transcribe(torch.rand(1, 1, 800) + 0.1, 8000) == ["100 ms."]


def test_a_folder_without_a_model(
    tmp_path: Path, folder: Path, package: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: str, **settings: Any) -> None:
        raise RuntimeError("File model.bin is incomplete")

    monkeypatch.setattr(package, "WhisperModel", broken)
    with pytest.raises(DataError, match="not hold a model that can be run") as caught:
        Recogniser(folder)
    assert "incomplete" in caught.value.why
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        Recogniser(folder)


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: ModuleType | None = None
    monkeypatch.setitem(sys.modules, "faster_whisper", nothing)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match="faster-whisper") as caught:
        Recogniser(folder)
    assert "sfumato[speech]" in caught.value.hint


def test_silence_and_noise_hold_no_words() -> None:
    pytest.importorskip("faster_whisper")
    folders = sorted(MODELS.glob("whisper-*"))
    if not folders:
        pytest.skip("no recogniser has been fetched")
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) / 10
    assert Recogniser(folders[0]).transcribe(torch.stack([0 * noise, noise]), 16_000) == ["", ""]


NAMES = {cardinal(n): n for n in range(20)} | {cardinal(n): n for n in range(20, 100, 10)}


def read(words: str) -> int:
    """The number that words say, by adding up and multiplying."""
    total, part = 0, 0
    for word in words.split():
        if word == "thousand":
            total, part = part * 1000, 0
        elif word == "hundred":
            part *= 100
        else:
            part += NAMES[word]
    return total + part


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (115, "one hundred fifteen"),
        (1000, "one thousand"),
        (1001, "one thousand one"),
        (20_300, "twenty thousand three hundred"),
        (LARGEST, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_some_numbers(number: int, words: str) -> None:
    assert cardinal(number) == words


@given(st.integers(0, LARGEST))
def test_words_can_be_read_back(number: int) -> None:
    assert read(cardinal(number)) == number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zeroth"),
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (4, "fourth"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (13, "thirteenth"),
        (20, "twentieth"),
        (21, "twenty first"),
        (90, "ninetieth"),
        (100, "one hundredth"),
        (1012, "one thousand twelfth"),
        (5000, "five thousandth"),
    ],
)
def test_some_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_there_are_limits(number: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        cardinal(number)
    with pytest.raises(ValueError, match="not within"):
        ordinal(number)
