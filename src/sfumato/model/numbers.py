"""A trained model of images, audio or other numbers, by Gaussian diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.conditioning.registry import Sources, rows
from sfumato.conditions import Conditions, Null
from sfumato.denoiser import NetworkDenoiser
from sfumato.errors import SettingError
from sfumato.guidance import GuidanceSpec
from sfumato.media.numbers import NumberMedium
from sfumato.model.conditioned import (
    arrays_in,
    condition_fields,
    require_known,
    tensors_of,
    values_of_samples,
    words_name,
)
from sfumato.model.lengths import CaptionLengths
from sfumato.model.model import Model
from sfumato.model.network import bytes_of_signal, draw_places
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making, NumberProvenance, Provenance, Request
from sfumato.model.sources import pair_readers, sources_of
from sfumato.model.start import Start, start_from, time_of, unchanged
from sfumato.model.trajectory import SignalTrajectory
from sfumato.process.rng import Stream, uniform
from sfumato.runs.tuned import NumberTuning
from sfumato.sampling import SAMPLERS, KeyedNoise, Sampler, State, Wiener, integrate, trajectory

_STRENGTH = 0.5
_MOST_ARRAYS = 64


@dataclass(frozen=True)
class Origin:
    """The encoded file that a variation starts from.

    Attributes:
        x0: The clean data, shape (1, C, *sides).
        filled: The share of its extent that it fills.
    """

    x0: Tensor
    filled: float


class NumberModel(Model[NetworkDenoiser]):
    """A run's trained model of numbers; see :class:`~sfumato.model.model.Model`."""

    # Measured in docs/runs.md.
    tiles = MappingProxyType({"cpu": 16, "cuda": 32})
    provenance = NumberProvenance
    tuning = NumberTuning
    most_steps = 10_000
    medium: NumberMedium

    def sampler(self, choice: Any) -> Sampler:
        """See :meth:`Model.sampler`."""
        if isinstance(choice, str):
            return SAMPLERS.find(choice)()
        SAMPLERS.require(choice)
        return cast(Sampler, choice)

    def conditions(self, sample: Provenance, indices: Sequence[int]) -> Conditions:
        """The conditions of the samples of some indices."""
        return self._conditions(sample, indices, self._origin(sample.start))

    def trajectory(self, sample: Provenance) -> SignalTrajectory:
        """See :meth:`Model.trajectory`."""
        return self._trajectory(self.medium.decode)

    def _trajectory(self, decode: Callable[[Tensor], NDArray[Any]]) -> SignalTrajectory:
        schedule, sigma = self.denoiser.process.schedule, self.denoiser.sigma_data
        return SignalTrajectory(decode, schedule, sigma)

    def _own(self, options: SampleOptions) -> dict[str, Any]:
        start, strength = options.start, options.strength
        if start is None and strength is not None:
            raise SettingError(
                "strength is for variations of a file.", hint="name the file: --start FILE"
            )
        begin = None
        if start is not None:
            begin = start_from(Path(start), _STRENGTH if strength is None else strength)
        self._check_seconds(options.seconds)
        conditions = condition_fields(self.directory.name, self.spec, options, self.medium)
        self._arrays.update(arrays_in(self.spec, options.conditions))
        while len(self._arrays) > _MOST_ARRAYS:
            self._arrays.pop(next(iter(self._arrays)))
        if begin is not None and conditions.get("conditions", ()) is None:
            conditions["conditions"] = {}  # Nothing is known of the file.
        return {"start": begin, "seconds": options.seconds, **conditions}

    def _check(self, sample: Provenance) -> None:
        require_known(self.directory.name, self.spec, sample)
        self._check_seconds(sample.seconds)
        self._origin(sample.start)
        if sample.files:
            self.rows_of([sample.conditions or {}])

    def _check_seconds(self, seconds: float | None) -> None:
        if seconds is None:
            return
        if not self.spec.lengths:
            raise SettingError(
                f"The run '{self.directory.name}' takes no length.",
                why="all items of its training data have the same length",
            )
        self.medium.require_seconds(seconds)

    def _steps(self, own: Mapping[str, Any]) -> int:
        """A variation takes the share of the recipe's steps that its strength is."""
        share = 1.0 if own["start"] is None else own["start"].strength
        return max(1, round(self.spec.recipe.sampling.steps * share))

    def _scale(
        self, options: SampleOptions, guidance: GuidanceSpec, scales: Mapping[str, float] | None
    ) -> float:
        # What the file shows is unknown, so there is nothing to guide towards.
        named = (options.scale, options.label, options.prompt, options.prompts)
        is_open = not options.conditions and all(value is None for value in named)
        if options.start is not None and is_open and not guidance.needs_early:
            return 1.0
        return super()._scale(options, guidance, scales)

    def _default_sampler(
        self, steps: int, scale: float, guidance: GuidanceSpec, own: Mapping[str, Any]
    ) -> Sampler:
        """The tuned sampler, else the recipe's, unless there are too few evaluations for it."""
        defaults = self.spec.recipe.sampling
        if own["start"] is None:
            tuned = self._tuned(steps, scale, guidance)
            if tuned is not None:
                return tuned
            if 2 * steps < defaults.steps:
                return Wiener()
        default: Sampler = defaults.sampler
        return default

    @property
    def _row_bytes(self) -> int:
        return bytes_of_signal(math.prod(self.medium.signal_shape))

    def _batch(self, request: Request, indices: range, done: int) -> Iterator[Making | Made]:
        sample = request.sample
        origin = self._origin(sample.start)
        conditions = self._conditions(sample, indices, origin)
        state = None
        for state in self._states(sample, indices, conditions, origin):
            yield Making(done, request.n, state)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        provenance = self._described(sample, indices, conditions)
        lengths = [origin.seconds for origin in provenance]
        yield Made(indices, self.medium.ended(self.medium.decode(state.x_t), lengths), provenance)

    def described(self, sample: Provenance, indices: Sequence[int]) -> tuple[Provenance, ...]:
        """See :meth:`Model.described`."""
        return self._described(sample, indices, self.conditions(sample, indices))

    def _described(
        self, sample: Provenance, indices: Sequence[int], conditions: Conditions
    ) -> tuple[Provenance, ...]:
        values: list[Any] = [None] * len(indices)
        if self.spec.conditions:
            found = values_of_samples(sample, self.spec, indices)
            values = [dict(own) for _, own in found]
        return tuple(
            sample.changed(
                index=index,
                label=self.label_name(conditions.get("label"), row),
                conditions=values[row],
                prompts=(),
                seconds=self._seconds(conditions.get("length"), row),
            )
            for row, index in enumerate(indices)
        )

    def _states(
        self, sample: Provenance, indices: range, conditions: Conditions, origin: Origin | None
    ) -> Iterator[State]:
        addresses = indices if sample.blend is None else sample.blend.noise(indices)
        noise = KeyedNoise(sample.seed, addresses, self.device)
        # Without a condition there is nothing to guide towards, so it costs no evaluations.
        is_open = (
            origin is not None
            and sample.label is None
            and not (sample.conditions or sample.prompts)
            and sample.guidance.by == "label"
        )
        guided = self.guided(sample.changed(scale=1.0) if is_open else sample, indices.start)
        sampler, steps, shape = sample.sampler, sample.steps, self.medium.signal_shape
        if sample.start is None or origin is None:
            return trajectory(guided, sampler, noise, shape, steps, conditions)
        process = self.denoiser.process
        t = time_of(sample.start.strength, process.schedule)
        count, size = len(sampler.plan(steps)), math.prod(shape)
        times = sampler.grid.times(count, process.schedule, size, start=t)
        x0 = origin.x0.expand(len(indices), *shape)
        x_t = process.corrupt(x0, times[0], noise.prior(shape))
        return integrate(guided, sampler, x_t, times, noise, steps, conditions)

    def _conditions(
        self, sample: Provenance, indices: Sequence[int], origin: Origin | None
    ) -> Conditions:
        filled = None if origin is None else origin.filled
        return self.conditions_for(sample, indices, origin is not None, filled)

    def conditions_for(
        self, sample: Provenance, indices: Sequence[int], is_file: bool, filled: float | None
    ) -> Conditions:
        """The conditions of samples.

        Args:
            sample: The provenance in a request.
            indices: Indices of the samples.
            is_file: Whether they are made from a file, whose class is unknown by default; one that
                is drawn at random would lead away from it.
            filled: Share of its extent that the file fills; None draws a share for each sample.
        """
        known = values_of_samples(sample, self.spec, indices) if self.spec.conditions else []
        values = [own for _, own in known]
        label = self._labels(sample, indices, is_file, [name for name, _ in known])
        length = None
        if self.spec.lengths and filled is not None and sample.seconds is None:
            length = torch.full((len(indices),), filled)
        elif self.spec.lengths:
            length = self._filled(sample, indices, label, values)
        further = Conditions()
        if self.spec.conditions:
            sides = self.medium.signal_shape[1:]
            further = tensors_of(sample, self.spec, values, indices, sides, self._sources)
        return (further | {"label": label, "length": length}).to(self.device)

    def _labels(
        self,
        sample: Provenance,
        indices: Sequence[int],
        is_file: bool,
        names: Sequence[str | None],
    ) -> Tensor | None:
        """Class numbers, shape (B,); None in a run without classes.

        Args:
            sample: The provenance in a request.
            indices: Indices of the samples.
            is_file: See :meth:`conditions_for`.
            names: Names of the classes, in a run with further conditions.
        """
        classes = self.spec.classes
        if not classes:
            return None
        given = sample.conditions is not None or sample.prompts
        if self.spec.conditions and (given or self.spec.data.examples):
            known = self.spec.data.classes
            return torch.tensor([classes if name is None else known.index(name) for name in names])
        label = self.labels(sample.label, sample.seed, indices)
        if is_file and label is not None and sample.label is None:
            return torch.full_like(label, classes)
        return label

    def rows_of(self, values: Sequence[Mapping[str, Value]]) -> Conditions:
        """The tensors of values of the conditions, by the names of the conditions, B mappings."""
        return rows(self.spec.conditions, values, self._sources)

    @cached_property
    def _arrays(self) -> dict[str, Tensor]:
        """Encoded items that took the place of files in the last requests, by their digests."""
        return {}

    @cached_property
    def _sources(self) -> Sources:
        conditions = self.spec.conditions
        return {**sources_of(conditions), **pair_readers(conditions, self.medium, self._arrays)}

    def nulls(self, sample: Provenance) -> dict[str, Null]:
        """See :meth:`TrainedNetwork.nulls`; those of a negative prompt are its words."""
        found = self.spec.nulls
        words = words_name(self.spec)
        if sample.negative is not None and words is not None:
            row = self.spec.conditions[words].rows([sample.negative], self._sources.get(words))
            found[words] = row
        return found

    @cached_property
    def _caption_lengths(self) -> CaptionLengths:
        return CaptionLengths(self.spec.data)

    def _filled(
        self,
        sample: Provenance,
        indices: Sequence[int],
        label: Tensor | None,
        values: Sequence[Mapping[str, Value]],
    ) -> Tensor:
        """Share of its extent that each sample fills.

        By default it is drawn as in the class of the sample, or as of similar captions.
        """
        if sample.seconds is not None:
            return torch.full((len(indices),), self.medium.filled(sample.seconds))
        quantiles = torch.tensor(self.spec.data.seconds, dtype=torch.float64)
        rows = torch.zeros(len(indices), dtype=torch.int64)
        if label is not None:
            # The length of an unknown class is that of one drawn as often as in the data.
            drawn = draw_places(
                self.spec.data.frequencies, uniform(sample.seed, Stream.LABEL, indices)
            )
            rows = torch.where(label.cpu() == self.spec.classes, drawn, label.cpu())
        place = uniform(sample.seed, Stream.LENGTH, indices) * (quantiles.shape[1] - 1)
        low = place.floor().long()
        below, above = quantiles[rows, low], quantiles[rows, low + 1]
        seconds = torch.lerp(below, above, place - low).tolist()
        if self.spec.conditions and label is None:
            # Sounds of one class have lengths of their own, and so have those of a caption.
            alike = self._caption_lengths(values, sample.seed, indices)
            seconds = [a if b is None else b for a, b in zip(seconds, alike, strict=True)]
        return torch.tensor([self.medium.filled(length) for length in seconds])

    def _seconds(self, filled: Tensor | None, row: int) -> float | None:
        return None if filled is None else self.medium.seconds(filled[row].item())

    def _origin(self, start: Start | None) -> Origin | None:
        """Read and encode the file to vary.

        Raises:
            DataError: The file cannot be read, or has changed.
        """
        if start is None:
            return None
        item = self.medium.read_start(unchanged(start))
        encoded = self.medium.examples(item[None])
        filled = 1.0 if encoded.filled is None else encoded.filled.item()
        return Origin(encoded.x0.to(self.device), filled)
