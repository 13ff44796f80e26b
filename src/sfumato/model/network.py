"""A run's trained network on its device: number format, compilation, guidance and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, cast, get_args

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.engine.compiling import Switch, choose_compile, compile_parts, is_repeated, twin
from sfumato.engine.machine import choose_device
from sfumato.engine.precision import (
    Decision,
    NumberFormat,
    PrecisionName,
    autocast,
    choose_precision,
)
from sfumato.errors import SettingError
from sfumato.guidance import Autoguided, GuidanceSpec, Guided
from sfumato.media.medium import Medium
from sfumato.model.provenance import Provenance
from sfumato.process.rng import Stream, uniform
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.snapshots import early_for
from sfumato.runs.spec import Spec
from sfumato.runs.weights import LATEST, DenoiserT
from sfumato.sampling.tiles import Tiled


@dataclass(frozen=True)
class Early:
    """The early weights that a run can be guided away from.

    Attributes:
        denoiser: With these weights, on the device used.
        fingerprint: Which they are, see ``runs.weights.Weights``.
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


class TrainedNetwork(Generic[DenoiserT]):
    """A run's trained network, and how it is evaluated.

    Args:
        directory: Of the run.
        spec: Its spec.
        snapshot: Which weights, ``latest`` or ``best``.

    Attributes:
        medium: The medium of the run, with its settings.
        denoiser: The network with its preconditioning, on the device used.
        fingerprint: Which weights these are, see ``runs.weights.Weights``.
        step: Optimiser steps behind the weights; None if unknown.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights, or what the medium stores beside them, cannot be read.
    """

    tiles: ClassVar[Mapping[str, int]]
    """Rows in an evaluation by kind of device: more are faster, and make one sample dearer."""
    medium: Medium

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        self.directory = directory
        self.spec = spec
        self.snapshot = snapshot
        self.device = choose_device()
        fresh = cast(DenoiserT, weights.build(spec))
        trained, which = weights.load(directory, fresh, snapshot)
        self.medium = spec.medium.of_run(spec.recipe, directory.root)
        self.fingerprint, self.step = which.fingerprint, which.step
        trained.to(self.device)
        self.denoiser: DenoiserT = trained
        self._twins: dict[Denoiser[Any], Denoiser[Any]] = {}

    @property
    def tile(self) -> int:
        """Rows in a network evaluation on this device, see ``sampling.tiles``."""
        return self.tiles[self.device.type]

    def number_format(self, precision: str | None = None) -> NumberFormat:
        """The format in which the network multiplies; all around it is float32 and float64.

        Args:
            precision: ``fp32``, ``bf16``, or ``auto`` for bf16 where the machine is fast at it;
                None for the format of training.

        Raises:
            SettingError: It is none of these.
        """
        precision = self.spec.recipe.engine.precision if precision is None else precision
        names = get_args(PrecisionName)
        if precision not in names:
            raise SettingError(
                f"precision cannot be '{precision}'.", hint=f"one of {', '.join(names)}."
            )
        choice = choose_precision(cast(PrecisionName, precision), self.device).choice
        return cast(NumberFormat, choice)

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

    def guided(self, sample: Provenance, first: int = 0) -> Denoiser[Any]:
        """The denoiser guided as a sample asks, in tiles from the sample of an index on.

        Raises:
            RunError: It is to be guided away from early weights, and the run has none.
            SettingError: The rule of guidance is not one for tokens, and the run is on text.
        """
        guidance, scale = sample.guidance, sample.scale
        precision, compiled = sample.precision, sample.compiled
        interval, rule = guidance.interval, guidance.rule
        null = {"label": self.spec.classes} if self.spec.classes else {}
        denoiser: Denoiser[Any] = self.evaluated(self.denoiser, precision, compiled)
        if guidance.needs_early and scale != 1:
            early: Denoiser[Any] = self.evaluated(self.early.denoiser, precision, compiled)
            hidden = null if guidance.by == "both" else None
            denoiser = Autoguided(denoiser, early, scale, interval, rule, hidden)
        elif null and guidance.needs_label:
            denoiser = Guided(denoiser, scale, null, interval, rule)
        return Tiled(denoiser, sample.tile, first)

    def compiles(self, wanted: bool) -> bool:
        """Whether the network is compiled; SettingError where it is wanted and cannot be."""
        repeated = is_repeated(self.denoiser.backbone)
        switch: Switch = "on" if wanted else "off"
        return choose_compile(switch, self.device, None, repeated).choice == "on"

    def _compiled(self, denoiser: Denoiser[ProcessT]) -> Denoiser[ProcessT]:
        """With its network compiled, once for all requests."""
        if denoiser not in self._twins:
            made = twin(denoiser)
            # For each shape anew, as samples must not depend on the shapes that came before.
            compile_parts(cast(DenoiserT, made).backbone, dynamic=False)
            self._twins[denoiser] = made
        return cast(Denoiser[ProcessT], self._twins[denoiser])

    @cached_property
    def early(self) -> Early:
        """The run's denoiser with early weights, see ``runs.snapshots``.

        Raises:
            RunError: None were kept.
            DamagedFile: They cannot be read.
        """
        path = early_for(self.directory, self.step)
        fresh = cast(DenoiserT, weights.build(self.spec))
        early, which = weights.load_file(path, fresh, "take another --guidance.")
        return Early(early.to(self.device), which.fingerprint)

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


def drawn(shares: Sequence[float], u: Tensor) -> Tensor:
    """For each uniform number the place it falls into, where place ``i`` is ``shares[i]`` wide."""
    edges = torch.tensor(shares, dtype=torch.float64).cumsum(0)
    return torch.searchsorted(edges, u * edges[-1], right=True).clamp_max(len(shares) - 1)
