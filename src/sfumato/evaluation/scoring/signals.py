"""Scores of pictures and sounds."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError
from sfumato.evaluation.scoring.asked import Asked
from sfumato.evaluation.scoring.scorer import Found, Scorer, SetAside
from sfumato.evaluation.seen import spaced
from sfumato.likelihood import flow_likelihood, gaussian_bound
from sfumato.likelihood.divergence import suited
from sfumato.media.audio.data import AudioData
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.reader import divided
from sfumato.media.data.index import Index, scan
from sfumato.media.data.items import Item
from sfumato.media.image.data import ImageData
from sfumato.model.audio import AudioModel
from sfumato.model.image import ImageModel
from sfumato.model.number_bits import end_of, told
from sfumato.runs.measuring import Measuring
from sfumato.training.reopen import reopened

Signal = NDArray[Any]


class SignalScorer(Scorer[Signal]):
    """Scores pictures or sounds, in bits per number.

    An item is asked about by itself, its estimates side by side in one batch: not even rounding
    depends on what else is scored.

    Args:
        model: Of a run; it is not guided here.
        asked: How to score.

    Raises:
        SettingError: A value is out of range, or there is no such label.
    """

    unit = "bits per dimension"

    def __init__(self, model: ImageModel | AudioModel, asked: Asked) -> None:
        model.check_label(asked.label, 1.0)
        self._model = model
        self._asked = asked
        self._wanted = asked.checked()
        self._label = None
        if asked.label is not None:
            self._label = model.spec.data.classes.index(asked.label)

    def find(self, place: Path) -> Iterator[Found[Signal] | SetAside]:
        """See :meth:`Scorer.find`. Long sounds are many items where the run cuts them up."""
        medium = self._model.medium
        if place.is_dir():
            index = scan(place, medium.kind)
            yield from (SetAside(str(place / path), why) for path, why in index.rejected)
        elif place.exists():
            index = Index(place.parent, (Item(place.name),), (), "", "")
        else:
            raise DataError(f"There is no file or folder '{place}'.", hint="check the path.")
        if isinstance(medium, AudioMedium):
            index = divided(index, medium)
        for item in index.items:
            key = f"{index.file(item).resolve()}#{item.part}"
            read = partial(medium.read, index.file(item), item.part)
            yield Found(str(index.root / item.name), key, read)

    def held_out(self, most: int) -> Generator[Measuring, None, Sequence[Signal]]:
        """See :meth:`Scorer.held_out`; only items of the class that the model is told."""
        data = yield from self._data()
        ids = data.held_out
        if self._label is not None and data.dataset.labels is not None:
            ids = ids[data.dataset.labels[ids] == self._label]
        items, _ = data.dataset.gather(ids[spaced(len(ids), most).numpy()])
        return list(items)

    def bits(self, item: Signal) -> NDArray[np.float64]:
        """See :meth:`Scorer.bits`."""
        draws = self._wanted.draws
        encoded = self._model.medium.examples(np.repeat(item[None], draws, 0))
        labels = None if self._label is None else torch.full((draws,), self._label)
        cond = told(self._model, encoded, labels)
        x0 = encoded.x0.to(self._model.device)
        bits: NDArray[np.float64] = self._nats(x0, cond).numpy()
        return bits / (x0[0].numel() * math.log(2))

    def _data(self) -> Generator[Measuring, None, ImageData | AudioData]:
        directory, spec = self._model.directory, self._model.spec
        if isinstance(self._model, AudioModel):
            return (yield from reopened(directory, spec, AudioData))
        return (yield from reopened(directory, spec, ImageData))

    def _nats(self, x0: Tensor, cond: Mapping[str, Any]) -> Tensor:
        """Of each row, shape (draws,)."""
        model, end = self._model, end_of(self._model.medium)
        steps, seed = self._wanted.steps, self._asked.seed
        # In float32 whatever the run's format: a bound at little noise, and derivatives, feel
        # rounding more than samples do.
        if self._asked.method == "bound":
            denoiser = model.evaluated(model.denoiser, "fp32")
            return gaussian_bound(denoiser, x0, end, steps, seed, **cond).nats
        divergence = suited(x0[0].numel(), self._asked.probes)
        return flow_likelihood(model.denoiser, x0, end, divergence, steps, seed, **cond).nats
