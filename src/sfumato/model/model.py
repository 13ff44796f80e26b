"""A run's trained model, whatever its medium: device, precision, labels and guidance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, cast, get_args

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.engine.compiling import Switch, choose_compile, compile_parts, is_repeated, twin
from sfumato.engine.machine import choose_device, free_memory
from sfumato.engine.precision import (
    Decision,
    NumberFormat,
    PrecisionName,
    autocast,
    choose_precision,
)
from sfumato.errors import RunError, SettingError, suggest
from sfumato.guidance import BY_LABEL, Autoguided, GuidanceSpec, Guided
from sfumato.model.memory import rows_at_once
from sfumato.process.rng import Stream, uniform
from sfumato.runs import weights as model
from sfumato.runs.directory import RunDirectory
from sfumato.runs.early import early_for
from sfumato.runs.spec import Spec
from sfumato.runs.tuned import KeptT, kept_for
from sfumato.runs.weights import DenoiserT
from sfumato.sampling import State
from sfumato.sampling.tiles import Tiled

LAST = 2**63 - 1
AUTO_SCALE = 2.0
"""Of guidance away from early weights, unless another is asked for."""


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


@dataclass(frozen=True)
class Early:
    """What a run has to be guided away from.

    Attributes:
        denoiser: With early weights, on the device used.
        fingerprint: Which they are, see ``run.model.Weights``.
    """

    denoiser: Denoiser[Any]
    fingerprint: str


class _InPrecision(Denoiser[ProcessT]):
    """A denoiser evaluated in a chosen number format, and nothing around it."""

    def __init__(
        self, denoiser: Denoiser[ProcessT], precision: Decision, device: torch.device
    ) -> None:
        super().__init__(denoiser.process)
        self._denoiser = denoiser
        self._precision = precision
        self._device = device

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        with autocast(self._precision, self._device):
            posterior: Posterior = self._denoiser(x_t, t, **cond)
        return posterior


class Trained(Generic[DenoiserT]):
    """What the trained models of all media have in common.

    Args:
        directory: The run.
        spec: Its spec.
        denoiser: Built for it, with fresh weights; the run's are read into it.
        snapshot: Which weights, ``latest`` or ``best``.

    Attributes:
        denoiser: The network with its preconditioning, on the device used.
        snapshot: As asked.
        fingerprint: Which weights these are, see ``run.model.Weights``.
        step: Optimiser steps behind them; None if unknown.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights cannot be read.
    """

    tiles: ClassVar[Mapping[str, int]]
    """Rows per evaluation by kind of device: more are faster, and make one sample dearer."""

    def __init__(
        self, directory: RunDirectory, spec: Spec, denoiser: DenoiserT, snapshot: str = model.LATEST
    ) -> None:
        self.directory = directory
        self.spec = spec
        self.device = choose_device()
        self.snapshot = snapshot
        trained, weights = model.load(directory, denoiser, snapshot)
        self.fingerprint, self.step = weights.fingerprint, weights.step
        self.denoiser: DenoiserT = trained.to(self.device)
        self._twins: dict[Denoiser[Any], Denoiser[Any]] = {}

    @property
    def tile(self) -> int:
        """Rows per network evaluation on this device, see ``sampling.tiles``."""
        return self.tiles[self.device.type]

    def rows_at_once(self, asked: int | None, row: int) -> int:
        """How many samples to make at a time: as asked, or what fits, see ``model.memory``.

        Args:
            asked: None to let the memory at hand decide.
            row: Bytes that a sampler holds for one sample.

        Raises:
            SettingError: It is below 1.
        """
        if asked is None:
            return rows_at_once(self.tile, row, free_memory(self.device))
        require_within("batch", asked, 1, LAST)
        return asked

    def number_format(self, asked: str | None = None) -> NumberFormat:
        """In what the network multiplies here; what surrounds it stays in float32 and float64.

        Args:
            asked: ``fp32``, ``bf16``, or ``auto`` for bf16 where the machine is fast at it; None
                for what the run was trained with.

        Raises:
            SettingError: It is none of these.
        """
        asked = self.spec.recipe.engine.precision if asked is None else asked
        names = get_args(PrecisionName)
        if asked not in names:
            raise SettingError(
                f"precision cannot be '{asked}'.", hint=f"one of {', '.join(names)}."
            )
        choice = choose_precision(cast(PrecisionName, asked), self.device).choice
        return cast(NumberFormat, choice)

    def compiles(self, asked: bool) -> bool:
        """What was asked, where this machine can do it.

        Raises:
            SettingError: It cannot.
        """
        repeated = is_repeated(self.denoiser.backbone)
        switch: Switch = "on" if asked else "off"
        return choose_compile(switch, self.device, None, repeated).choice == "on"

    def evaluated(
        self,
        denoiser: Denoiser[ProcessT],
        precision: NumberFormat | None = None,
        compiled: bool = False,
    ) -> Denoiser[ProcessT]:
        """A denoiser in a number format, by default the run's, and compiled if wanted."""
        if compiled:
            denoiser = self._compiled(denoiser)
        decision = choose_precision(self.number_format(precision), self.device)
        return _InPrecision(denoiser, decision, self.device)

    def guided(
        self,
        denoiser: Denoiser[ProcessT],
        scale: float,
        tile: int,
        first: int,
        guidance: GuidanceSpec = BY_LABEL,
        precision: NumberFormat | None = None,
        compiled: bool = False,
    ) -> Denoiser[ProcessT]:
        """A denoiser guided as asked, in tiles from the sample of index ``first`` on.

        Its networks are evaluated as :meth:`evaluated` says.

        Raises:
            RunError: It is to be guided away from early weights, and the run has none.
            SettingError: The rule of guidance is none for tokens, and the run is on text.
        """
        denoiser = self.evaluated(denoiser, precision, compiled)
        interval, rule = guidance.interval, guidance.rule
        if guidance.needs_early and scale != 1:
            early: Denoiser[Any] = self.evaluated(self.early.denoiser, precision, compiled)
            hidden = self.spec.classes if guidance.by == "both" else None
            denoiser = Autoguided(denoiser, early, scale, interval, rule, hidden)
        elif self.spec.classes and guidance.needs_label:
            denoiser = Guided(denoiser, scale, self.spec.classes, interval, rule)
        return Tiled(denoiser, tile, first)

    def _compiled(self, denoiser: Denoiser[ProcessT]) -> Denoiser[ProcessT]:
        """With its network compiled, once for all requests."""
        if denoiser not in self._twins:
            made = twin(denoiser)
            # For each shape anew, as samples must not depend on the shapes that came before.
            compile_parts(cast(DenoiserT, made).backbone, dynamic=False)
            self._twins[denoiser] = made
        return cast(Denoiser[ProcessT], self._twins[denoiser])

    def tuned(
        self, kind: type[KeptT], steps: int, scale: float, guidance: GuidanceSpec
    ) -> KeptT | None:
        """The sampler that was fitted for this; None without one.

        Raises:
            DamagedFile: Its file is not what was written.
        """
        # What is fitted is fitted under plain guidance to the label.
        if scale != 1 and guidance != BY_LABEL:
            return None
        return kept_for(self.directory, kind, self.fingerprint, steps, scale)

    @cached_property
    def early(self) -> Early:
        """The run's denoiser with early weights, see ``runs.early``.

        Raises:
            RunError: None were kept.
            DamagedFile: They cannot be read.
        """
        path = early_for(self.directory, self.step)
        fresh = cast(DenoiserT, model.build(self.spec))
        early, weights = model.load_file(path, fresh, "take another --guidance.")
        return Early(early.to(self.device), weights.fingerprint)

    def early_fingerprint(self, guidance: GuidanceSpec, scale: float) -> str | None:
        """Which early weights a sample is guided away from; None if it is not."""
        return self.early.fingerprint if guidance.needs_early and scale != 1 else None

    def labels(self, label: str | None, seed: int, indices: Sequence[int]) -> Tensor | None:
        """Class numbers of samples, shape (B,); drawn as often as in the data if none is named."""
        if not self.spec.classes:
            return None
        if label is not None:
            number = self.spec.data.classes.index(label)
            return torch.full((len(indices),), number, device=self.device)
        u = uniform(seed, Stream.LABEL, indices)
        return drawn(self.spec.data.frequencies, u).to(self.device)

    def label_name(self, labels: Tensor | None, row: int) -> str | None:
        """The name of the class of a row; None for the null label too."""
        if labels is None:
            return None
        number = int(labels[row])
        return None if number == self.spec.classes else self.spec.data.classes[number]

    def check_weights(self, path: Path, made_by: str) -> None:
        """Refuse a stored sample that other weights made.

        Raises:
            RunError: It is.
        """
        if made_by == self.fingerprint:
            return
        other = model.BEST if self.snapshot == model.LATEST else model.LATEST
        raise RunError(
            f"'{path}' was not made by the weights that '{self.directory.name}' has now.",
            why=f"it names model {made_by}; the run's is {self.fingerprint} ({self.snapshot})",
            hint=f"try --snapshot {other}; or the run was trained further since.",
        )

    def check_early(self, path: Path, made_by: str | None) -> None:
        """Refuse a stored sample that was guided away from other early weights.

        Raises:
            RunError: It was, or the run has none.
        """
        if made_by is not None and made_by != self.early.fingerprint:
            raise RunError(
                f"'{path}' was not made by the early weights that '{self.directory.name}' has now.",
                why=f"it names {made_by}; the run's are {self.early.fingerprint}",
                hint="the run was trained further since.",
            )

    def check_label(
        self, label: str | None, scale: float, guidance: GuidanceSpec = BY_LABEL
    ) -> None:
        """Refuse a label, a scale or a guidance that the run cannot take.

        Raises:
            SettingError: It cannot.
            RunError: It has no early weights, which the guidance needs.
        """
        name, classes = self.directory.name, self.spec.data.classes
        if not math.isfinite(scale):
            raise SettingError(f"scale cannot be {scale}.", why="it should be a finite number")
        if not self.spec.classes:
            if label is not None or (guidance.needs_label and (scale != 1 or guidance != BY_LABEL)):
                raise SettingError(
                    f"The run '{name}' takes neither a label nor guidance to one.",
                    why="it was trained without classes",
                    hint="sort the files into one folder per class and train again.",
                )
        elif label is not None and label not in classes:
            raise SettingError(
                f"The run '{name}' has no label '{label}'.", hint=suggest(label, classes)
            )
        self.early_fingerprint(guidance, scale)  # Refused here, and not when a folder is made.


def drawn(shares: Sequence[float], u: Tensor) -> Tensor:
    """For each uniform number the place it falls into, where place ``i`` is ``shares[i]`` wide."""
    edges = torch.tensor(shares, dtype=torch.float64).cumsum(0)
    return torch.searchsorted(edges, u * edges[-1], right=True).clamp_max(len(shares) - 1)


def require_within(name: str, value: int, least: int, most: int) -> None:
    """Refuse a number out of its range.

    Raises:
        SettingError: It is.
    """
    if not least <= value <= most:
        raise SettingError(f"{name} cannot be {value}.", why=f"it must be from {least} to {most:,}")
