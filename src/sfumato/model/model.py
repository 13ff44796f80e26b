"""A trained model, ready for use: requests and samples.

The two subclasses in ``model.numbers`` and ``model.tokens`` hold what depends on the process; the
medium of the run holds what depends on the medium.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import sfumato
from sfumato.engine.machine import free_memory, keep_freed_memory, memory_explained
from sfumato.errors import SettingError
from sfumato.guidance import BY_LABEL, GuidanceSpec, guidance_named
from sfumato.media.registry import require_own
from sfumato.model.checks import require_early, require_label, require_weights, require_within
from sfumato.model.network import FEWER_AT_ONCE, TrainedNetwork, rows_at_once
from sfumato.model.options import LARGEST, SampleOptions
from sfumato.model.provenance import Made, Making, Provenance, Request, read_provenance
from sfumato.model.scales import plain_scale, require_effect, scales_of
from sfumato.model.start import found
from sfumato.model.trajectory import Trajectory
from sfumato.runs.tuned import Tuning, tuned_for
from sfumato.runs.weights import DenoiserT
from sfumato.sampling import Sampler

AUTO_SCALE = 2.0
"""Default strength of guidance away from early weights."""


class Model(TrainedNetwork[DenoiserT], ABC):
    """A run's trained model; see :class:`TrainedNetwork` for its attributes."""

    provenance: ClassVar[type[Provenance]]
    """The class of the provenance of its samples."""
    tuning: ClassVar[type[Tuning]]
    """The class of the samplers that are fitted to it."""
    most_steps: ClassVar[int]
    """The largest number of network evaluations of a sample."""

    def request(self, options: SampleOptions | None = None) -> Request:
        """Validate options into a request; None stands for the default of the run's recipe.

        Raises:
            SettingError: An option is of another medium or out of range, or the sampler or label
                is unknown.
            RunError: The guidance needs early weights, and the run has none.
            DataError: The file to vary cannot be read.
        """
        options = SampleOptions() if options is None else options
        if not isinstance(options, SampleOptions):
            raise SettingError(f"options cannot be {options!r}.", why="it should be SampleOptions")
        require_own(type(self.medium), "sample", options.given())
        own = self._own(options)
        n = options.steps_between or self.medium.n if options.n is None else options.n
        guidance = guidance_named(options.guidance, options.interval)
        steps = self._steps(own) if options.steps is None else options.steps
        scales = scales_of(self.directory.name, self.spec, options.scale, guidance)
        scale = self._scale(options, guidance, scales)
        require_effect(options.negative, scale, scales)
        require_within("n", n, 1, LARGEST)
        require_within("first", options.first, 0, LARGEST - n)
        require_within("seed", options.seed, 0, LARGEST)
        require_within("steps", steps, 1, self.most_steps)
        label = require_label(self.directory.name, self.spec, options.label, scale, guidance)
        sampler = options.sampler
        sample = self.provenance(
            sfumato=sfumato.__version__,
            run=self.directory.name,
            model=self.fingerprint,
            seed=options.seed,
            index=options.first,
            sampler=self._default_sampler(steps, scale, guidance, own)
            if sampler is None
            else self.sampler(sampler),
            steps=steps,
            label=label,
            scale=scale,
            scales=scales,
            guidance=guidance,
            early=self.early_fingerprint(guidance, scale),
            tile=self.tile,
            precision=self.number_format(options.precision),
            compiled=self.compiles(options.compiled),
            **own,
        )
        self._check(sample)
        return Request(n, self.rows_at_once(options.batch), sample)

    def like(self, path: Path) -> Request:
        """The request that makes a stored sample again.

        Raises:
            DataError: The file carries no provenance, or a damaged one; or the file that the sample
                is a variation of has changed.
            RunError: Other weights made it.
        """
        sample = read_provenance(path, self.provenance, self.medium.read_provenance)
        require_weights(self, path, sample.model)
        name, guidance = self.directory.name, sample.guidance
        require_label(name, self.spec, sample.label, sample.scale, guidance)
        require_early(self, path, sample.early)
        if sample.start is not None:
            sample = sample.changed(start=found(sample.start, path))
        files = sample.files.items()
        sample = sample.with_files({name: found(file, path) for name, file in files})
        self._check(sample)
        again = sample.changed(
            sfumato=sfumato.__version__,
            run=name,
            precision=self.number_format(sample.precision),
            compiled=self.compiles(sample.compiled),
        )
        return Request(1, 1, again)

    @abstractmethod
    def sampler(self, choice: Any) -> Sampler:
        """The sampler of a name, or the given sampler if its class is registered.

        Raises:
            SettingError: There is no such sampler for this model.
        """

    @abstractmethod
    def described(self, sample: Provenance, indices: Sequence[int]) -> tuple[Provenance, ...]:
        """The provenance of the samples of some indices, before they are made.

        Args:
            sample: The provenance in a request.
            indices: Indices of the samples, in any order.
        """

    @abstractmethod
    def _own(self, options: SampleOptions) -> dict[str, Any]:
        """The fields of a provenance that only models of this kind have."""

    @abstractmethod
    def _check(self, sample: Provenance) -> None:
        """Check that the model can make a sample, before any work is done."""

    @abstractmethod
    def _default_sampler(
        self, steps: int, scale: float, guidance: GuidanceSpec, own: Mapping[str, Any]
    ) -> Sampler:
        """The sampler of a request that names none."""

    @property
    @abstractmethod
    def _row_bytes(self) -> int:
        """Bytes that a sampler holds for one sample."""

    def _steps(self, own: Mapping[str, Any]) -> int:
        """The default number of evaluations."""
        return self.spec.recipe.sampling.steps

    def _scale(
        self, options: SampleOptions, guidance: GuidanceSpec, scales: Mapping[str, float] | None
    ) -> float:
        """The strength of guidance; the largest one if each condition has its own."""
        if scales is not None:
            return max(scales.values())
        if options.scale is not None:
            return plain_scale(options.scale)
        if guidance.needs_early:
            return AUTO_SCALE
        return self.spec.recipe.sampling.scale if self.spec.nulls else 1.0

    def _tuned(self, steps: int, scale: float, guidance: GuidanceSpec) -> Sampler | None:
        """The tuned sampler for these settings; None if there is none.

        Raises:
            DamagedFile: Its file cannot be read.
        """
        # Samplers are fitted under plain guidance to the label.
        if scale != 1 and guidance != BY_LABEL:
            return None
        found = tuned_for(self.directory, self.tuning, self.fingerprint, steps, scale)
        return None if found is None else found.sampler

    def sample(self, request: Request) -> Iterator[Making | Made]:
        """Make samples batch by batch; yields every state and every finished batch.

        Raises:
            SettingError: The request was made for a model of another medium.
        """
        if not isinstance(request.sample, self.provenance):
            raise SettingError(
                f"The request is not one for the medium of the run '{self.directory.name}'."
            )
        keep_freed_memory()
        first = request.sample.index
        with memory_explained("A batch of samples", FEWER_AT_ONCE):
            for low in range(0, request.n, request.batch):
                count = min(request.batch, request.n - low)
                indices = range(first + low, first + low + count)
                yield from self._batch(request, indices, low)

    @abstractmethod
    def _batch(self, request: Request, indices: range, done: int) -> Iterator[Making | Made]:
        """Make one batch after the first ``done`` samples of the request."""

    @abstractmethod
    def trajectory(self, sample: Provenance) -> Trajectory:
        """Collects the states of a batch, to show how its samples emerged from noise."""

    def rows_at_once(self, batch: int | None) -> int:
        """Number of samples to make at a time; by default what fits, see :func:`rows_at_once`.

        Raises:
            SettingError: ``batch`` is below 1.
        """
        if batch is None:
            return rows_at_once(self.tile, self._row_bytes, free_memory(self.device))
        require_within("batch", batch, 1, LARGEST)
        return batch
