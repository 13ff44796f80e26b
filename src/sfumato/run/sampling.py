"""Sampling from a run: requests, results, and the recipe that each file carries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import sfumato
from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.engine.machine import choose_device, keep_freed_memory
from sfumato.engine.precision import Decision, autocast, choose_precision
from sfumato.errors import RunError, SettingError, suggest
from sfumato.guidance import Guided
from sfumato.media.image import ImageMedium
from sfumato.process.rng import Stream, uniform
from sfumato.run import model
from sfumato.run.directory import RunDirectory
from sfumato.run.spec import Spec
from sfumato.run.stored import MOST_STEPS, Stored, read_stored
from sfumato.sampling import SAMPLERS, KeyedNoise, Sampler, State, trajectory
from sfumato.sampling.tiles import Tiled

# Larger tiles are faster, and make a single sample dearer; measured in docs/runs.md.
_TILE = {"cpu": 16, "cuda": 32}
_LAST = 2**63 - 1


@dataclass(frozen=True)
class Request:
    """What to sample.

    Attributes:
        n: How many samples.
        first: Index of the first one; sample ``i`` is a function of (seed, i).
        seed: In [0, 2**63).
        sampler: The rule for one step.
        steps: Network evaluations per sample.
        label: Class of all samples; None draws one for each, as often as in the data.
        scale: Guidance towards the label, 1 = off.
        batch: How many are made at a time; it changes memory and speed, not the samples.
        tile: Rows per network evaluation, see ``sampling.tiles``.
    """

    n: int
    first: int
    seed: int
    sampler: Sampler
    steps: int
    label: str | None
    scale: float
    batch: int
    tile: int


@dataclass(frozen=True)
class Made:
    """A finished batch of samples.

    Attributes:
        indices: Of the samples.
        pixels: uint8, shape (B, H, W, C).
        recipes: One per sample, to be stored in its file.
    """

    indices: Sequence[int]
    pixels: NDArray[np.uint8]
    recipes: list[dict[str, Any]]


@dataclass(frozen=True)
class Making:
    """A batch of samples on its way.

    Attributes:
        done: Samples finished before this batch.
        total: Samples asked for.
        state: The states of this batch, moved by the sampler.
    """

    done: int
    total: int
    state: State


class _InPrecision(Denoiser):
    """A denoiser evaluated in a chosen number format, and nothing around it."""

    def __init__(self, denoiser: Denoiser, precision: Decision, device: torch.device) -> None:
        super().__init__(denoiser.process)
        self._denoiser = denoiser
        self._precision = precision
        self._device = device

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        with autocast(self._precision, self._device):
            posterior: Posterior = self._denoiser(x_t, t, **cond)
        return posterior


class TrainedModel:
    """A run's trained model, ready to sample.

    Args:
        directory: The run.
        spec: Its spec.

    Attributes:
        denoiser: The network with its preconditioning, on the device used.
        fingerprint: Which weights these are, see ``run.model.load``.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights cannot be read.
    """

    def __init__(self, directory: RunDirectory, spec: Spec) -> None:
        self.directory = directory
        self.spec = spec
        self.medium = ImageMedium(spec.recipe.medium)
        self.device = choose_device()
        denoiser, self.fingerprint = model.load(directory, spec)
        self.denoiser: NetworkDenoiser = denoiser.to(self.device)
        self._precision = choose_precision(spec.recipe.engine.precision, self.device)

    def request(
        self,
        n: int = 16,
        *,
        first: int = 0,
        seed: int = 0,
        sampler: str | Sampler | None = None,
        steps: int | None = None,
        label: str | None = None,
        scale: float | None = None,
        batch: int = 16,
    ) -> Request:
        """A validated request; what is None is taken from the run's recipe.

        Raises:
            SettingError: A value is out of range, or the sampler or label is unknown.
        """
        defaults = self.spec.recipe.sampling
        steps = defaults.steps if steps is None else steps
        if scale is None:
            scale = defaults.scale if self.spec.classes else 1.0
        _require("n", n, 1, _LAST)
        _require("first", first, 0, _LAST - n)
        _require("seed", seed, 0, _LAST)
        _require("steps", steps, 1, MOST_STEPS)
        _require("batch", batch, 1, _LAST)
        self._check_label(label, scale)
        return Request(
            n=n,
            first=first,
            seed=seed,
            sampler=_sampler(sampler) if sampler is not None else defaults.sampler,
            steps=steps,
            label=label,
            scale=scale,
            batch=batch,
            tile=_TILE[self.device.type],
        )

    def like(self, path: Path) -> Request:
        """The request that makes a stored sample again.

        Raises:
            DataError: The file carries no recipe, or a damaged one.
            RunError: Other weights made it.
        """
        stored = read_stored(path)
        if stored.model != self.fingerprint:
            raise RunError(
                f"'{path}' was not made by the weights that '{self.directory.name}' has now.",
                why=f"it names model {stored.model}; the run's is {self.fingerprint}",
                hint="the run was trained further since, or it is another run.",
            )
        self._check_label(stored.label, stored.scale)
        return Request(
            n=1,
            first=stored.index,
            seed=stored.seed,
            sampler=stored.sampler,
            steps=stored.steps,
            label=stored.label,
            scale=stored.scale,
            batch=1,
            tile=stored.tile,
        )

    def sample(self, request: Request) -> Iterator[Making | Made]:
        """Make samples, batch by batch; every state is yielded on the way."""
        keep_freed_memory()
        for low in range(0, request.n, request.batch):
            count = min(request.batch, request.n - low)
            indices = range(request.first + low, request.first + low + count)
            yield from self._batch(request, indices, low)

    def _batch(self, request: Request, indices: range, done: int) -> Iterator[Making | Made]:
        labels = self._labels(request, indices)
        cond = {} if labels is None else {"label": labels}
        noise = KeyedNoise(request.seed, indices, self.device)
        denoiser = self._guided(request, indices.start)
        states = trajectory(
            denoiser, request.sampler, noise, self.medium.shape, request.steps, cond
        )
        state = None
        for state in states:
            yield Making(done, request.n, state)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        recipes = [self._recipe(request, i, k, labels) for k, i in enumerate(indices)]
        yield Made(indices, self.medium.decode(state.x_t), recipes)

    def _guided(self, request: Request, first: int) -> Denoiser:
        denoiser: Denoiser = _InPrecision(self.denoiser, self._precision, self.device)
        if self.spec.classes:
            denoiser = Guided(denoiser, request.scale, null_label=self.spec.classes)
        return Tiled(denoiser, request.tile, first)

    def _labels(self, request: Request, indices: Sequence[int]) -> Tensor | None:
        if not self.spec.classes:
            return None
        if request.label is not None:
            number = self.spec.data.classes.index(request.label)
            return torch.full((len(indices),), number, device=self.device)
        shares = torch.tensor(self.spec.data.frequencies, dtype=torch.float64).cumsum(0)
        u = uniform(request.seed, Stream.LABEL, indices) * shares[-1]
        return torch.searchsorted(shares, u, right=True).clamp_max(len(shares) - 1).to(self.device)

    def _check_label(self, label: str | None, scale: float) -> None:
        name, classes = self.directory.name, self.spec.data.classes
        if not math.isfinite(scale):
            raise SettingError(f"scale cannot be {scale}.", why="it should be a finite number")
        if not self.spec.classes:
            if label is not None or scale != 1:
                raise SettingError(
                    f"The run '{name}' takes neither a label nor a guidance scale.",
                    why="it was trained without classes",
                    hint="sort the pictures into one folder per class and train again.",
                )
        elif label is not None and label not in classes:
            raise SettingError(
                f"The run '{name}' has no label '{label}'.", hint=suggest(label, classes)
            )

    def _recipe(
        self, request: Request, index: int, row: int, labels: Tensor | None
    ) -> dict[str, Any]:
        stored = Stored(
            sfumato=sfumato.__version__,
            run=self.directory.name,
            model=self.fingerprint,
            seed=request.seed,
            index=index,
            sampler=request.sampler,
            steps=request.steps,
            label=None if labels is None else self.spec.data.classes[int(labels[row])],
            scale=request.scale,
            tile=request.tile,
        )
        return stored.model_dump(mode="json")


def _require(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingError(f"{name} cannot be {value}.", why=f"it must be from {least} to {most:,}")


def _sampler(choice: str | Sampler) -> Sampler:
    if isinstance(choice, Sampler):
        return choice
    if choice not in SAMPLERS:
        raise SettingError(f"There is no sampler '{choice}'.", hint=suggest(choice, SAMPLERS))
    return SAMPLERS[choice]()
