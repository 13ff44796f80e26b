"""The accuracy of spoken words, recognised with the optional package ``faster-whisper``."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.extractor import Clips

_RATE = 16_000
_SILENCE = _RATE // 2
_BEAMS = 5
# Thousands with commas or digits alone, and the ending of an ordinal.
_NUMBER = re.compile(r"(?<![\d,])(\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(st|nd|rd|th)?(?![^\W\d_])")
# Spoken with or without "one".
_ROUND = re.compile(r"(100|1,?000|100,?000)$")
_APOSTROPHES = re.compile(r"['’]")
_NO_WORD = re.compile(r"[\W_]+")
_SPOKEN_AND = re.compile(r"\b(hundred|thousand) and\b")


class Recogniser:
    """Recognises English words with Whisper (Radford et al. 2022, arXiv:2212.04356) on the CPU.

    The same clips give the same words: beams of 5, temperature 0 and no memory of earlier clips.
    Without silence around them, short words are often mistaken for noise, so every clip is padded
    with half a second of silence on both sides.

    Args:
        folder: A Whisper model for CTranslate2: ``model.bin``, ``config.json``,
            ``tokenizer.json`` and a vocabulary.

    Raises:
        DataError: The folder holds no such model.
        MissingExtra: faster-whisper is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            package: Any = importlib.import_module("faster_whisper")
        except ImportError as error:
            raise MissingExtra("faster-whisper", "speech", "Recognising words") from error
        # Without these files the package would contact a server.
        for name in ("model.bin", "tokenizer.json"):
            if not (folder / name).is_file():
                raise DataError(
                    f"There is no {folder / name}.",
                    hint="fetch the model 'whisper-tiny-en' again.",
                )
        try:
            self._model = package.WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=torch.get_num_threads(),
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise DataError(
                f"{folder} does not hold a model that can be run.", why=str(error)
            ) from error

    def transcribe(self, clips: Tensor, rate: int) -> list[str]:
        """The words of each clip, as the model spells them; empty where it finds no speech.

        Args:
            clips: float32, shape (B, C, N), full scale is 1; the channels are averaged. At most 29
                seconds.
            rate: Samples per second.

        Raises:
            MissingExtra: soxr is not installed, and the rate is not 16 kHz.
        """
        padded = np.pad(Clips(clips, rate).mono_at(_RATE), ((0, 0), (_SILENCE, _SILENCE)))
        return [self._words(clip) for clip in padded]

    def _words(self, clip: Any) -> str:
        segments, _ = self._model.transcribe(
            clip,
            language="en",
            beam_size=_BEAMS,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return "".join(segment.text for segment in segments).strip()


def same_word(heard: str, requested: str) -> bool:
    """Whether two spellings can be read aloud alike, ignoring letter case and punctuation.

    Numbers in digits, up to 999,999, are read as words, and so are their ordinals: "7." is "seven"
    and "21st" is "twenty-first". As a recogniser writes "100" for "hundred" as well as for "one
    hundred", digits are the same as both, while "one hundred" in letters is not "hundred"; so too
    with a thousand and a hundred thousand. Digits after a leading zero, and longer numbers, are
    read one by one. An "and" after "hundred" or "thousand" is ignored. Words that only sound alike
    differ: "for" is not "four".
    """
    return not _readings(heard).isdisjoint(_readings(requested))


def word_accuracy(heard: Sequence[str], requested: Sequence[str]) -> float:
    """The share of the clips, in [0, 1], in which exactly the requested words are recognised.

    Args:
        heard: The transcripts of :meth:`Recogniser.transcribe`.
        requested: The requested words of each clip.

    Raises:
        DataError: There are no clips.
    """
    if not heard:
        raise DataError("There are no words to compare.")
    right = sum(same_word(one, other) for one, other in zip(heard, requested, strict=True))
    return right / len(heard)


def _readings(text: str) -> set[str]:
    """The ways of reading a text in lower case with single spaces; a "100" has two."""
    text = unicodedata.normalize("NFKC", text).casefold()
    read = {_NUMBER.sub(_full, text), _NUMBER.sub(_short, text)}
    words = (_NO_WORD.sub(" ", _APOSTROPHES.sub("", one)).strip() for one in read)
    return {_SPOKEN_AND.sub(r"\1", one) for one in words}


def _full(match: re.Match[str]) -> str:
    digits, ending = match[1].replace(",", ""), match[2]
    if len(digits) > len(str(LARGEST)) or (digits[0] == "0" and len(digits) > 1):
        return " " + " ".join(cardinal(int(digit)) for digit in digits) + f" {ending or ''}"
    return f" {ordinal(int(digits)) if ending else cardinal(int(digits))} "


def _short(match: re.Match[str]) -> str:
    return _full(match).replace(" one ", " ", 1) if _ROUND.match(match[1]) else _full(match)


# fmt: off
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

LARGEST = 999_999


def cardinal(number: int) -> str:
    """The words of a number, without hyphens or "and": 1205 is "one thousand two hundred five".

    Raises:
        ValueError: The number is not within 0 and 999,999.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is not within 0 and {LARGEST:,}")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            count, rest = divmod(number, size)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_SMALL[rest]}" if rest else "")


def ordinal(number: int) -> str:
    """The words of a place in an order: 21 is "twenty first".

    Raises:
        ValueError: The number is not within 0 and 999,999.
    """
    *before, last = cardinal(number).split()
    if last.endswith("y"):
        last = last[:-1] + "ie"
    return " ".join([*before, _IRREGULAR.get(last, last + "th")])
