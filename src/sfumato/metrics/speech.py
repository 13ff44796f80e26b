"""Whether spoken words can be understood, with the optional package ``faster-whisper``."""

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
from sfumato.metrics.number_words import LARGEST, cardinal, ordinal
from sfumato.metrics.resampling import mono_at

_RATE = 16_000
_SILENCE = _RATE // 2
_BEAMS = 5
# Thousands with commas or digits alone, and the ending of an ordinal.
_NUMBER = re.compile(r"(?<![\d,])(\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(st|nd|rd|th)?(?![^\W\d_])")
# Said with or without "one".
_ROUND = re.compile(r"(100|1,?000|100,?000)$")
_APOSTROPHES = re.compile(r"['’]")
_NO_WORD = re.compile(r"[\W_]+")
_SPOKEN_AND = re.compile(r"\b(hundred|thousand) and\b")


class Recogniser:
    """Writes down English words: Whisper (Radford et al. 2022, arXiv:2212.04356) on the processor.

    The same clips give the same words: beams of 5, temperature 0 and no memory of earlier clips.
    Short words are often taken for noise without silence around them, so every clip gets half a
    second on both sides.

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
        # Without this file the package would ask a server.
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
            raise DataError(f"{folder} holds no model that can be run.", why=str(error)) from error

    def heard(self, clips: Tensor, rate: int) -> list[str]:
        """What is said in each clip, as the model spells it; empty where it hears no speech.

        Args:
            clips: float32, shape (B, C, N), full scale is 1; the mean of the channels is heard.
                At most 29 seconds.
            rate: Samples per second.

        Raises:
            MissingExtra: soxr is not installed, and the rate is not 16 kHz.
        """
        padded = np.pad(mono_at(_RATE, clips, rate), ((0, 0), (_SILENCE, _SILENCE)))
        return [self._words(clip) for clip in padded]

    def _words(self, sound: Any) -> str:
        segments, _ = self._model.transcribe(
            sound,
            language="en",
            beam_size=_BEAMS,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return "".join(segment.text for segment in segments).strip()


def same_word(heard: str, wanted: str) -> bool:
    """Whether two spellings can be read aloud alike, letter case and punctuation aside.

    Numbers in digits, up to 999,999, are read as words, and so are their ordinals: "7." is "seven"
    and "21st" is "twenty-first". As a recogniser writes "100" for "hundred" as well as for "one
    hundred", digits are the same as both, while "one hundred" in letters is not "hundred"; so too
    with a thousand and a hundred thousand. Digits after a leading zero, and longer numbers, are
    read one by one. An "and" after "hundred" or "thousand" makes no difference. What only sounds
    alike does: "for" is not "four".
    """
    return not _readings(heard).isdisjoint(_readings(wanted))


def word_accuracy(heard: Sequence[str], wanted: Sequence[str]) -> float:
    """The share of the clips, in [0, 1], in which just the wanted words are heard.

    Args:
        heard: By :meth:`Recogniser.heard`.
        wanted: What was asked for, as many.

    Raises:
        DataError: There are no clips.
    """
    if not heard:
        raise DataError("There are no words to compare.")
    right = sum(same_word(one, other) for one, other in zip(heard, wanted, strict=True))
    return right / len(heard)


def _readings(text: str) -> set[str]:
    """Words of small letters and digits, with single spaces; both ways of reading a "100"."""
    text = unicodedata.normalize("NFKC", text).casefold()
    read = {_NUMBER.sub(_full, text), _NUMBER.sub(_short, text)}
    words = (_NO_WORD.sub(" ", _APOSTROPHES.sub("", one)).strip() for one in read)
    return {_SPOKEN_AND.sub(r"\1", one) for one in words}


def _full(found: re.Match[str]) -> str:
    digits, ending = found[1].replace(",", ""), found[2]
    if len(digits) > len(str(LARGEST)) or (digits[0] == "0" and len(digits) > 1):
        return " " + " ".join(cardinal(int(digit)) for digit in digits) + f" {ending or ''}"
    return f" {ordinal(int(digits)) if ending else cardinal(int(digits))} "


def _short(found: re.Match[str]) -> str:
    return _full(found).replace(" one ", " ", 1) if _ROUND.match(found[1]) else _full(found)
