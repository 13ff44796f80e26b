"""Sampling pictures and sounds from a run, and the recipe that each file carries."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

import sfumato
from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.machine import keep_freed_memory, memory_explained
from sfumato.errors import SettingError, suggest
from sfumato.guidance import GuidanceSpec, guidance_named
from sfumato.media.medium import SignalMedium
from sfumato.model.memory import FEWER_AT_ONCE, bytes_of_signal
from sfumato.model.model import AUTO_SCALE, LAST, Making, Trained, require_within
from sfumato.model.request import Conditions, Made, Origin, Request
from sfumato.model.start import start_from, time_of, unchanged
from sfumato.model.stored import MOST_STEPS, Start, Stored, read_stored
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.runs.tuned import KeptForSignals
from sfumato.runs.weights import LATEST, build_gaussian
from sfumato.sampling import (
    SAMPLERS,
    KeyedNoise,
    Sampler,
    State,
    Wiener,
    integrate,
    trajectory,
)

MediumT = TypeVar("MediumT", bound=SignalMedium)


class GaussianModel(Trained[NetworkDenoiser], Generic[MediumT]):
    """A run's trained model of pictures or sounds, ready to sample.

    Args:
        directory: The run.
        spec: Its spec.
        snapshot: Which weights, ``latest`` or ``best``.

    Attributes:
        medium: How samples become files.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights cannot be read.
    """

    # Measured in docs/runs.md.
    tiles = MappingProxyType({"cpu": 16, "cuda": 32})
    medium: MediumT

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        super().__init__(directory, spec, build_gaussian(spec), snapshot)

    @abstractmethod
    def seconds_of(self, filled: float) -> float | None:
        """How long a sample is that fills a share of its extent; None where there is no time."""

    def filled(self, request: Request, indices: Sequence[int], labels: Tensor | None) -> Tensor:
        """Which share of its extent each sample fills, float32, shape (B,)."""
        return torch.ones(len(indices))

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
        batch: int | None = None,
        start: str | Path | None = None,
        strength: float | None = None,
        seconds: float | None = None,
        guidance: str | None = None,
        interval: tuple[float, float] | None = None,
        precision: str | None = None,
        compiled: bool = False,
    ) -> Request:
        """A validated request; what is None is taken from the run's recipe.

        Args:
            n, first, seed, sampler, steps, label, scale, seconds: See :class:`Request`.
            batch: See :class:`Request`; None for what fits into memory, see ``model.memory``.
            start: A file to make variations of.
            strength: How far they may go, 0.5 if None: the share of noise mixed into the file. Of
                the recipe's steps they take the same share.
            guidance: A rule of guidance to the label, or ``auto``, see ``guidance.spec``.
            interval: Times at which it acts.
            precision: Number format of the network, see :meth:`number_format`.
            compiled: Compile the network first: seconds for a transformer, a minute for a U-Net.

        Raises:
            SettingError: A value is out of range, or the sampler or label is unknown.
            DataError: The file to vary cannot be read.
        """
        defaults = self.spec.gaussian.sampling
        begin = _start(None if start is None else Path(start), strength)
        if steps is None:
            share = 1.0 if begin is None else begin.strength
            steps = max(1, round(defaults.steps * share))
        how = guidance_named(guidance, interval)
        if scale is None and how.needs_early:
            scale = AUTO_SCALE
        if scale is None:
            told = self.spec.classes and (begin is None or label is not None)
            scale = defaults.scale if told else 1.0
        require_within("n", n, 1, LAST)
        require_within("first", first, 0, LAST - n)
        require_within("seed", seed, 0, LAST)
        require_within("steps", steps, 1, MOST_STEPS)
        batch = self.rows_at_once(batch, bytes_of_signal(math.prod(self.medium.signal_shape)))
        self.check_label(label, scale, how)
        self.check_seconds(seconds)
        self._check_start(begin)
        return Request(
            n=n,
            first=first,
            seed=seed,
            sampler=self._default_sampler(steps, scale, how, begin)
            if sampler is None
            else _sampler(sampler),
            steps=steps,
            label=label,
            scale=scale,
            batch=batch,
            tile=self.tile,
            precision=self.number_format(precision),
            start=begin,
            seconds=seconds,
            guidance=how,
            compiled=self.compiles(compiled),
        )

    def _default_sampler(
        self, steps: int, scale: float, guidance: GuidanceSpec, start: Start | None
    ) -> Sampler:
        """What was tuned for this; or the recipe's, unless it is asked for too few evaluations."""
        defaults = self.spec.gaussian.sampling
        if start is None:
            kept = self.tuned(KeptForSignals, steps, scale, guidance)
            if kept is not None:
                return kept.sampler
            if 2 * steps < defaults.steps:
                return Wiener()
        return defaults.sampler

    def conditions(self, request: Request, indices: range) -> dict[str, Tensor]:
        """What samples made from noise alone are told, as keyword arguments of a denoiser."""
        return self._conditions(request, indices, None).cond

    def check_seconds(self, seconds: float | None) -> None:
        """Refuse a length that the run's samples cannot have.

        Raises:
            SettingError: They cannot.
        """
        if seconds is not None:
            raise SettingError("Pictures have no seconds.", why="it is a setting of sounds")

    def like(self, path: Path) -> Request:
        """The request that makes a stored sample again.

        Raises:
            DataError: The file carries no recipe, or a damaged one; or the file that it is a
                variation of changed.
            RunError: Other weights made it.
        """
        stored = read_stored(path)
        self.check_weights(path, stored.model)
        self.check_label(stored.label, stored.scale, stored.guidance)
        self.check_early(path, stored.early)
        self.check_seconds(stored.seconds)
        self._check_start(stored.start)
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
            precision=self.number_format(stored.precision),
            start=stored.start,
            seconds=stored.seconds,
            guidance=stored.guidance,
            compiled=self.compiles(stored.compiled),
        )

    def sample(self, request: Request) -> Iterator[Making | Made]:
        """Make samples, batch by batch; every state is yielded on the way."""
        keep_freed_memory()
        origin = None if request.start is None else self._origin(request.start)
        with memory_explained("A batch of samples", FEWER_AT_ONCE):
            for low in range(0, request.n, request.batch):
                count = min(request.batch, request.n - low)
                indices = range(request.first + low, request.first + low + count)
                yield from self._batch(request, indices, low, origin)

    def _batch(
        self, request: Request, indices: range, done: int, origin: Origin | None
    ) -> Iterator[Making | Made]:
        told = self._conditions(request, indices, origin)
        state = None
        for state in self._states(request, indices, told, origin):
            yield Making(done, request.n, state)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        recipes = [self._recipe(request, i, k, told) for k, i in enumerate(indices)]
        yield Made(indices, self.medium.decode(state.x_t), recipes)

    def _states(
        self, request: Request, indices: range, told: Conditions, origin: Origin | None
    ) -> Iterator[State]:
        noise = KeyedNoise(request.seed, indices, self.device)
        guidance = request.guidance
        # A label that is left open is nothing to be guided to, so nothing is paid for it.
        is_open = origin is not None and request.label is None and guidance.by == "label"
        scale = 1.0 if is_open else request.scale
        denoiser = self.guided(
            self.denoiser,
            scale,
            request.tile,
            indices.start,
            guidance,
            request.precision,
            request.compiled,
        )
        sampler, steps, shape = request.sampler, request.steps, self.medium.signal_shape
        if request.start is None or origin is None:
            return trajectory(denoiser, sampler, noise, shape, steps, told.cond)
        process = self.denoiser.process
        t = time_of(request.start.strength, process.schedule)
        count, size = len(sampler.plan(steps)), math.prod(shape)
        times = sampler.grid.times(count, process.schedule, size, start=t)
        x0 = origin.x0.expand(len(indices), *shape)
        x_t = process.corrupt(x0, times[0], noise.prior(shape))
        return integrate(denoiser, sampler, x_t, times, noise, steps, told.cond)

    def _conditions(self, request: Request, indices: range, origin: Origin | None) -> Conditions:
        label = self.labels(request.label, request.seed, indices)
        if origin is not None and label is not None and request.label is None:
            # What the file shows is unknown; a label drawn by chance would lead away from it.
            label = torch.full_like(label, self.spec.classes)
        if not self.spec.lengths:
            return Conditions(label, None)
        if origin is not None and request.seconds is None:
            filled = torch.full((len(indices),), origin.filled)
        else:
            filled = self.filled(request, indices, label)
        return Conditions(label, filled.to(self.device))

    def _check_start(self, start: Start | None) -> None:
        """Refuse a file to vary that cannot be read, before a folder is made for what cannot be."""
        if start is not None:
            self._origin(start)

    def _origin(self, start: Start) -> Origin:
        item = self.medium.read(unchanged(start))
        encoded = self.medium.examples(item[None])
        filled = 1.0 if encoded.filled is None else encoded.filled.item()
        return Origin(encoded.x0.to(self.device), filled)

    def _recipe(self, request: Request, index: int, row: int, told: Conditions) -> dict[str, Any]:
        filled = None if told.filled is None else told.filled[row].item()
        stored = Stored(
            sfumato=sfumato.__version__,
            run=self.directory.name,
            model=self.fingerprint,
            seed=request.seed,
            index=index,
            sampler=request.sampler,
            steps=request.steps,
            label=self.label_name(told.label, row),
            scale=request.scale,
            guidance=request.guidance,
            early=self.early_fingerprint(request.guidance, request.scale),
            tile=request.tile,
            precision=request.precision,
            compiled=request.compiled,
            start=request.start,
            seconds=None if filled is None else self.seconds_of(filled),
        )
        return stored.model_dump(mode="json")


def _start(path: Path | None, strength: float | None) -> Start | None:
    if path is not None:
        return start_from(path, 0.5 if strength is None else strength)
    if strength is not None:
        raise SettingError(
            "strength is for variations of a file.", hint="name the file: --from FILE"
        )
    return None


def _sampler(choice: str | Sampler) -> Sampler:
    if isinstance(choice, Sampler):
        return choice
    if choice not in SAMPLERS:
        raise SettingError(f"There is no sampler '{choice}'.", hint=suggest(choice, SAMPLERS))
    return SAMPLERS[choice]()
