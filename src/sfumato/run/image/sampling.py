"""Sampling from a run: requests, results, and the recipe that each file carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import sfumato
from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.machine import keep_freed_memory
from sfumato.errors import RunError, SettingError, suggest
from sfumato.media.image import ImageMedium
from sfumato.run.directory import RunDirectory
from sfumato.run.image.stored import MOST_STEPS, Stored, read_stored
from sfumato.run.model import build_image
from sfumato.run.spec import Spec
from sfumato.run.trained import LAST, Making, Trained, require_within
from sfumato.sampling import SAMPLERS, KeyedNoise, Sampler, trajectory


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


class ImageModel(Trained[NetworkDenoiser]):
    """A run's trained model of pictures, ready to sample.

    Args:
        directory: The run.
        spec: Its spec.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights cannot be read.
    """

    # Measured in docs/runs.md.
    tiles = MappingProxyType({"cpu": 16, "cuda": 32})

    def __init__(self, directory: RunDirectory, spec: Spec) -> None:
        super().__init__(directory, spec, build_image(spec))
        self.medium = ImageMedium(spec.image.medium)

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
        defaults = self.spec.image.sampling
        steps = defaults.steps if steps is None else steps
        if scale is None:
            scale = defaults.scale if self.spec.classes else 1.0
        require_within("n", n, 1, LAST)
        require_within("first", first, 0, LAST - n)
        require_within("seed", seed, 0, LAST)
        require_within("steps", steps, 1, MOST_STEPS)
        require_within("batch", batch, 1, LAST)
        self.check_label(label, scale)
        return Request(
            n=n,
            first=first,
            seed=seed,
            sampler=_sampler(sampler) if sampler is not None else defaults.sampler,
            steps=steps,
            label=label,
            scale=scale,
            batch=batch,
            tile=self.tile,
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
        self.check_label(stored.label, stored.scale)
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
        labels = self.labels(request.label, request.seed, indices)
        cond = {} if labels is None else {"label": labels}
        noise = KeyedNoise(request.seed, indices, self.device)
        denoiser = self.guided(self.denoiser, request.scale, request.tile, indices.start)
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
            label=self.label_name(labels, row),
            scale=request.scale,
            tile=request.tile,
        )
        return stored.model_dump(mode="json")


def _sampler(choice: str | Sampler) -> Sampler:
    if isinstance(choice, Sampler):
        return choice
    if choice not in SAMPLERS:
        raise SettingError(f"There is no sampler '{choice}'.", hint=suggest(choice, SAMPLERS))
    return SAMPLERS[choice]()
