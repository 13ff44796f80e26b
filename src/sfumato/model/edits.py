"""A trained model of numbers that edits and restores files too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sfumato.conditions import Conditions
from sfumato.errors import RunError, SettingError
from sfumato.media.editing import Edit, Task
from sfumato.model.edit_options import EditOptions
from sfumato.model.editing import EDITS, STEPS, fits_of, method_named, problem_of, wanted
from sfumato.model.numbers import NumberModel
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making, Provenance, Request
from sfumato.model.start import start_from, unchanged
from sfumato.model.trajectory import SignalTrajectory
from sfumato.restoration.covariance import Covariance
from sfumato.runs import covariance as covariances
from sfumato.sampling import Ancestral

# Rows of a network evaluation: fewer than in sampling, as edits often have few rows.
_LEAST_TILE = 4
_SHARED = (
    "seed", "first", "label", "prompt", "negative", "conditions", "guidance", "interval",
    "precision",
)  # fmt: skip


class EditingModel(NumberModel):
    """A run's trained model of numbers; see :class:`~sfumato.model.model.Model`."""

    def edit_request(self, path: Path, options: EditOptions) -> Request:
        """Validate an edit of a file into a request; None stands for defaults.

        Without an operation it is a request for variations of the file.

        Raises:
            SettingError: An option is out of range, or the operation does not fit the file.
            DataError: The file cannot be read.
        """
        operation = wanted(options)
        strength = 1.0 if options.strength is None else options.strength
        if not operation.operations:
            return self._variation(path, strength, options)
        start = start_from(path, strength)
        edit = self.medium.plan(path, operation)
        task = self.medium.task(path, edit)
        return self._requested(task, options, start=start, edit=edit)

    def task_request(self, task: Task, options: EditOptions) -> Request:
        """Validate an edit of data in memory into a request.

        Raises:
            SettingError: An option is out of range.
        """
        edit = Edit(task="operator", operator=task.observation.operator)
        return self._requested(task, options, edit=edit)

    def edited(
        self, request: Request, task: Task, indices: range, done: int = 0
    ) -> Iterator[Making | Made]:
        """Make a batch of results of an edit; yields every state and the finished batch."""
        sample = request.sample
        if sample.method is None:
            raise ValueError("the request is not one of an edit")
        conditions = self._edit_conditions(sample, indices, task)
        problem = problem_of(
            task,
            sample,
            indices,
            self.medium.signal_shape,
            lambda rows: self.guided(sample, indices.start * rows),
            self.denoiser.process.schedule,
            self.covariance[0],
            conditions,
            self.device,
        )
        state = None
        for state in sample.method.states(problem, sample.sampler, sample.steps):
            yield Making(done, request.n, state)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        provenance = self._described(sample, indices, conditions)
        yield Made(indices, task.finish(state.x_t), provenance, fits_of(task, state))

    def task(self, sample: Provenance) -> Task:
        """The task of an edit, from its file.

        Raises:
            DataError: The file cannot be read, or has changed.
            SettingError: The edit was made of an array, which no file names.
        """
        if sample.start is None or sample.edit is None:
            raise SettingError(
                "The edit cannot be made again from its file.",
                why="it was made of an array in memory",
                hint="call run.edit with the array again.",
            )
        return self.medium.task(unchanged(sample.start), sample.edit)

    @cached_property
    def covariance(self) -> tuple[Covariance, str | None]:
        """The covariance of the run's data and its fingerprint.

        Runs from before it was measured have none: then all numbers count as independent.

        Raises:
            DamagedFile: Its file cannot be read.
        """
        shape = self.medium.signal_shape
        found = covariances.load(self.directory, shape)
        return found or (Covariance.isotropic(shape, self.denoiser.sigma_data), None)

    def described(self, sample: Provenance, indices: Sequence[int]) -> tuple[Provenance, ...]:
        """See :meth:`Model.described`."""
        if sample.method is None:
            return super().described(sample, indices)
        conditions = self._edit_conditions(sample, indices, self.task(sample))
        return self._described(sample, indices, conditions)

    def trajectory(self, sample: Provenance) -> SignalTrajectory:
        """See :meth:`Model.trajectory`; what is known of a file is there in every frame."""
        if sample.method is None:
            return super().trajectory(sample)
        return self._trajectory(self.task(sample).finish)

    def _variation(self, path: Path, strength: float, options: EditOptions) -> Request:
        names = (*_SHARED, "steps", "sampler", "scale", "batch")
        n = EDITS if options.n is None else options.n
        plain = SampleOptions(n, start=path, strength=strength, **options.given(*names))
        return self.request(plain)

    def _requested(self, task: Task, options: EditOptions, **own: Any) -> Request:
        is_large = tuple(task.canvas) != tuple(self.medium.signal_shape)
        method = method_named(options.method, options.particles, is_large)
        # The label of the file is unknown, so there is nothing to guide towards by default.
        named = (options.scale, options.label, options.prompt, options.guidance)
        is_open = not options.conditions and all(value is None for value in named)
        plain = SampleOptions(
            EDITS if options.n is None else options.n,
            steps=STEPS if options.steps is None else options.steps,
            scale=1.0 if is_open else options.scale,
            sampler=Ancestral() if options.sampler is None else options.sampler,
            batch=options.batch,
            **options.given(*_SHARED),
        )
        request = self.request(plain)
        tile = self.tile
        if method.needs_gradients or method.rows > 1:
            tile = min(tile, max(_LEAST_TILE, method.rows))
        if self.spec.conditions and request.sample.conditions is None:
            # Nothing is known of the file; values drawn at random would lead away from it.
            own["conditions"] = {}
        sample = request.sample.changed(
            method=method, covariance=self.covariance[1], tile=tile, **own
        )
        most = max(1, request.batch // method.rows) if options.batch is None else request.batch
        return replace(request, sample=sample, batch=most)

    def _edit_conditions(
        self, sample: Provenance, indices: Sequence[int], task: Task
    ) -> Conditions:
        filled = 1.0 if task.filled is None else task.filled
        return self.conditions_for(sample, indices, True, filled)

    def _batch(self, request: Request, indices: range, done: int) -> Iterator[Making | Made]:
        if request.sample.method is None:
            yield from super()._batch(request, indices, done)
        else:
            yield from self.edited(request, self.task(request.sample), indices, done)

    def _check(self, sample: Provenance) -> None:
        if sample.method is None:
            super()._check(sample)
            return
        self.task(sample)
        if sample.covariance != self.covariance[1]:
            raise RunError(
                "The edit was made with another covariance of the data.",
                why=f"it names {sample.covariance}; the run's is {self.covariance[1]}",
                hint="restore covariance.safetensors of the run from a copy.",
            )
