"""Sampling sounds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.media.audio.medium import AudioMedium
from sfumato.model.numbers import GaussianModel
from sfumato.model.request import Request
from sfumato.process.rng import Stream, uniform
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.runs.weights import LATEST


class AudioModel(GaussianModel[AudioMedium]):
    """A run's trained model of sounds, ready to sample; see :class:`GaussianModel`."""

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        super().__init__(directory, spec, snapshot)
        self.medium = AudioMedium(spec.audio.medium)

    def seconds_of(self, filled: float) -> float:
        """How long a sound is that fills a share of the window."""
        return self._samples(filled * self._window) / self.medium.settings.rate

    def filled(self, request: Request, indices: Sequence[int], labels: Tensor | None) -> Tensor:
        """Which share of the window each sound fills: as asked, or drawn as in its class."""
        if request.seconds is not None:
            return self._shares([request.seconds] * len(indices))
        quantiles = torch.tensor(self.spec.data.seconds, dtype=torch.float64)
        rows = torch.zeros(len(indices), dtype=torch.int64) if labels is None else labels.cpu()
        place = uniform(request.seed, Stream.LENGTH, indices) * (quantiles.shape[1] - 1)
        low = place.floor().long()
        below, above = quantiles[rows, low], quantiles[rows, low + 1]
        return self._shares(torch.lerp(below, above, place - low).tolist())

    def check_seconds(self, seconds: float | None) -> None:
        """See :meth:`GaussianModel.check_seconds`."""
        if seconds is None:
            return
        if not self.spec.lengths:
            raise SettingError(
                f"The run '{self.directory.name}' takes no length.",
                why=f"all sounds that it was trained on fill its {self._window:g} seconds",
            )
        if not 0 < seconds <= self._window:
            raise SettingError(
                f"seconds cannot be {seconds}.",
                why=f"the run's window is {self._window:g} seconds",
            )

    def _shares(self, seconds: Sequence[float]) -> Tensor:
        # In whole samples: so many come back from what is stored, and the sound is the same again.
        whole = self.medium.settings.samples
        return torch.tensor([self._samples(length) / whole for length in seconds])

    def _samples(self, seconds: float) -> int:
        settings = self.medium.settings
        return min(max(1, round(seconds * settings.rate)), settings.samples)

    @property
    def _window(self) -> float:
        settings = self.medium.settings
        return settings.samples / settings.rate
