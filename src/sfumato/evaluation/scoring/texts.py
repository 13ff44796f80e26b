"""Scores of texts."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DataError, SettingError
from sfumato.evaluation.real_text import pieces_of
from sfumato.evaluation.scoring.asked import Asked
from sfumato.evaluation.scoring.scorer import Found, Scorer, SetAside
from sfumato.media.text.data import TextData
from sfumato.media.text.documents import Document, read_documents
from sfumato.media.text.rows import RowBatch, rows_of
from sfumato.media.text.settings import USUAL_LABEL
from sfumato.model.token_bits import length_bits
from sfumato.model.token_bound import bound_of_rows
from sfumato.model.tokens import TextModel
from sfumato.runs.measuring import Measuring
from sfumato.training.reopen import reopened

# Of a longer text so many windows are told, evenly spaced.
_MOST_WINDOWS = 16
Tokens = NDArray[np.int64]


class TextScorer(Scorer[Tokens]):
    """Scores texts, in bits per character, with those that tell how long a text is.

    A text has rows of its own, and its estimates are side by side in one batch: not even rounding
    depends on what else is scored. One longer than the context is told window by window.

    Args:
        model: Of a run; it is not guided here.
        asked: How to score.

    Raises:
        SettingError: A value is out of range or of another medium, or there is no such label.
    """

    unit = "bits per character"

    def __init__(self, model: TextModel, asked: Asked) -> None:
        if asked.method == "ode":
            raise SettingError(
                "--method ode is not for a run on text.",
                why="tokens change in jumps, and no ODE leads to them",
                hint="use --method bound.",
            )
        model.check_label(asked.label, 1.0)
        self._model = model
        self._asked = asked
        self._wanted = asked.checked()

    def find(self, place: Path) -> Iterator[Found[Tokens] | SetAside]:
        """See :meth:`Scorer.find`; a text is what the run takes for one document."""
        # Classes are not told, so records need not name any.
        settings = self._model.spec.text.medium.model_copy(update={"label_field": USUAL_LABEL})
        root = place if place.is_dir() else place.parent
        for found in read_documents(place, settings):
            if isinstance(found, Document):
                key = str(root.resolve() / found.name)
                yield Found(str(root / found.name), key, partial(self._encoded, found.text))
            else:
                line = "" if found.line is None else f":{found.line}"
                yield SetAside(f"{root / found.path}{line}", found.reason)

    def held_out(self, most: int) -> Generator[Measuring, None, Sequence[Tokens]]:
        """See :meth:`Scorer.held_out`: whole texts, and single windows of longer ones."""
        model = self._model
        data = yield from reopened(model.directory, model.spec, TextData)
        rows = data.held_out.fixed(most)
        if self._asked.label is not None and rows.labels is not None:
            own = rows.labels == model.spec.data.classes.index(self._asked.label)
            rows = RowBatch(rows.tokens[own], rows.segments[own], None)
        return pieces_of(rows)[:most]

    def bits(self, item: Tokens) -> NDArray[np.float64]:
        """See :meth:`Scorer.bits`."""
        rows = rows_of(item, self._model.spec.text.medium.context, _MOST_WINDOWS)
        total = np.zeros(self._wanted.draws)
        characters = 0
        for number, (tokens, segments) in enumerate(zip(rows.tokens, rows.segments, strict=True)):
            total += self._bits_of_row(tokens, segments, number)
            characters += self._model.tokenizer.characters(tokens[segments == 0])
        if not characters:
            raise DataError("The text has no whole character.")
        return total / characters

    def _encoded(self, text: str) -> Tokens:
        return self._model.tokenizer.encode(text).astype(np.int64)

    def _bits_of_row(self, tokens: Tokens, segments: Tokens, number: int) -> NDArray[np.float64]:
        model, draws, label = self._model, self._wanted.draws, self._asked.label
        labels = None
        if label is not None:
            labels = np.full(draws, model.spec.data.classes.index(label))
        alike = RowBatch(
            np.repeat(tokens[None], draws, 0), np.repeat(segments[None], draws, 0), labels
        )
        nats = bound_of_rows(
            model.denoiser,
            alike,
            self._wanted.steps,
            self._asked.seed,
            labelled=labels is not None,
            first=number * draws,
        )
        lengths = length_bits(alike.segments, model.spec.data.lengths)
        bits: NDArray[np.float64] = nats.numpy() / math.log(2) + lengths
        return bits
