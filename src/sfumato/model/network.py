"""A run's trained network on its device: number format, compilation, guidance and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, cast, get_args

import torch
from torch import Tensor

from sfumato.conditions import Null
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
from sfumato.guidance import Autoguided, Blended, GuidanceSpec, Guided, Separate
from sfumato.media.medium import Medium
from sfumato.model.provenance import Provenance
from sfumato.process.rng import Stream, uniform
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.runs.weights import LATEST, DenoiserT, early_for
from sfumato.sampling.tiles import Tiled

MOST_TILES = 4
"""Largest number of tiles in a batch: more are not faster, and delay the first samples."""
FEWER_AT_ONCE = "Close other programs, use a smaller --batch, or use a smaller model."
_SHARE = 4  # One quarter of the free memory is used.
_STATES = 32
"""Memory of a sampler in states: its history, their posterior means, noise, the new state, the
displayed state, and copies."""
_BELIEFS = 6
"""Memory of a sampler of text in float64 tables of (tokens, vocabulary)."""


def rows_at_once(tile: int, row: int, free: int | None) -> int:
    """A batch size that fits into memory, as a multiple of the tile.

    The network only ever sees one tile, so only the state of the sampler grows with the batch. The
    batch is as many tiles as a quarter of the free memory holds, at least one and at most
    :data:`MOST_TILES`.

    Args:
        tile: Rows per network evaluation.
        row: Bytes that the sampler holds for one sample.
        free: Free bytes; None if unknown, which gives one tile.
    """
    fits = 1 if free is None else free // (_SHARE * row * tile)
    return tile * max(1, min(MOST_TILES, fits))


def bytes_of_signal(numbers: int) -> int:
    """Bytes that the sampler holds for an image or audio clip of ``numbers`` values."""
    return _STATES * 4 * numbers


def bytes_of_text(tokens: int, vocabulary: int) -> int:
    """Bytes that the sampler holds for a text of ``tokens`` tokens out of a vocabulary."""
    return _BELIEFS * 8 * tokens * vocabulary


@dataclass(frozen=True)
class Early:
    """The early weights that a run can be guided away from.

    Attributes:
        denoiser: The denoiser with these weights, on the device in use.
        fingerprint: Fingerprint of the weights, see ``runs.weights.Weights``.
    """

    denoiser: Denoiser[Any]
    fingerprint: str


class _InPrecision(Denoiser[ProcessT]):
    """A denoiser whose network is evaluated in a chosen number format."""

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
        directory: The run's directory.
        spec: The run's spec.
        snapshot: The weights to load, ``latest`` or ``best``.

    Attributes:
        medium: The medium of the run, with its settings.
        denoiser: The network with its preconditioning, on the device in use.
        fingerprint: Fingerprint of the weights, see ``runs.weights.Weights``.
        step: Number of optimiser steps behind the weights; None if unknown.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights, or what the medium stores beside them, cannot be read.
    """

    tiles: ClassVar[Mapping[str, int]]
    """Rows of a network evaluation by kind of device: more are faster for many samples, slower for
    one."""
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
        """Rows of a network evaluation on this device, see ``sampling.tiles``."""
        return self.tiles[self.device.type]

    def number_format(self, precision: str | None = None) -> NumberFormat:
        """The format in which the network multiplies; all around it is float32 and float64.

        Args:
            precision: ``fp32``, ``bf16``, or ``auto`` for bf16 where the machine is fast at it;
                None for the format of training.

        Raises:
            SettingError: There is no such format.
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
        """A denoiser evaluated in a number format, by default the run's, and maybe compiled."""
        if compiled:
            denoiser = self._compiled(denoiser)
        decision = choose_precision(self.number_format(precision), self.device)
        return _InPrecision(denoiser, decision, self.device)

    def guided(self, sample: Provenance, first: int = 0) -> Denoiser[Any]:
        """The denoiser with the guidance of a sample, evaluated in tiles.

        Args:
            sample: The provenance of a sample, which names the guidance.
            first: Index of the first sample.

        Raises:
            RunError: The guidance needs early weights, and the run has none.
            SettingError: The rule of guidance does not support tokens, and the run is on text.
        """
        guidance, scale = sample.guidance, sample.scale
        precision, compiled = sample.precision, sample.compiled
        interval, rule = guidance.interval, guidance.rule
        null = self.nulls(sample)
        denoiser: Denoiser[Any] = self.evaluated(self.denoiser, precision, compiled)
        if guidance.needs_early and scale != 1:
            early: Denoiser[Any] = self.evaluated(self.early.denoiser, precision, compiled)
            hidden = null if guidance.by == "both" else None
            denoiser = Autoguided(denoiser, early, scale, interval, rule, hidden)
        elif sample.scales is not None:
            denoiser = Separate(denoiser, sample.scales, null, interval, rule)
        elif null and guidance.needs_label:
            denoiser = Guided(denoiser, scale, null, interval, rule)
        if sample.blend is not None:
            denoiser = Blended(denoiser, tuple(sample.blend.conditions))
        return Tiled(denoiser, sample.tile, first)

    def nulls(self, sample: Provenance) -> dict[str, Null]:
        """The values of the conditions that guidance leads away from: unknown by default."""
        return self.spec.nulls

    def compiles(self, wanted: bool) -> bool:
        """Whether the network is compiled; raises SettingError if it is wanted and not possible."""
        repeated = is_repeated(self.denoiser.backbone)
        switch: Switch = "on" if wanted else "off"
        return choose_compile(switch, self.device, None, repeated).choice == "on"

    def _compiled(self, denoiser: Denoiser[ProcessT]) -> Denoiser[ProcessT]:
        """The denoiser with its network compiled, which is done once for all requests."""
        if denoiser not in self._twins:
            compiled = twin(denoiser)
            # Each shape is compiled separately, as samples must not depend on earlier shapes.
            compile_parts(cast(DenoiserT, compiled).backbone, dynamic=False)
            self._twins[denoiser] = compiled
        return cast(Denoiser[ProcessT], self._twins[denoiser])

    @cached_property
    def early(self) -> Early:
        """The run's denoiser with early weights, see ``runs.weights``.

        Raises:
            RunError: The run has no early weights.
            DamagedFile: The weights cannot be read.
        """
        path = early_for(self.directory, self.step)
        fresh = cast(DenoiserT, weights.build(self.spec))
        early, which = weights.load_file(path, fresh, "use another --guidance.")
        return Early(early.to(self.device), which.fingerprint)

    def early_fingerprint(self, guidance: GuidanceSpec, scale: float) -> str | None:
        """Fingerprint of the early weights that the guidance needs; None if it needs none."""
        return self.early.fingerprint if guidance.needs_early and scale != 1 else None

    def labels(self, label: str | None, seed: int, indices: Sequence[int]) -> Tensor | None:
        """Class numbers of samples, shape (B,); by default drawn as often as in the data."""
        if not self.spec.classes:
            return None
        if label is not None:
            number = self.spec.data.classes.index(label)
            return torch.full((len(indices),), number, device=self.device)
        u = uniform(seed, Stream.LABEL, indices)
        return draw_places(self.spec.data.frequencies, u).to(self.device)

    def label_name(self, labels: Tensor | None, row: int) -> str | None:
        """The name of the class of a row; None for the null label too."""
        if labels is None:
            return None
        number = int(labels[row])
        return None if number == self.spec.classes else self.spec.data.classes[number]


def draw_places(shares: Sequence[float], u: Tensor) -> Tensor:
    """Draw places with probabilities proportional to ``shares``, from uniform numbers in [0, 1)."""
    edges = torch.tensor(shares, dtype=torch.float64).cumsum(0)
    return torch.searchsorted(edges, u * edges[-1], right=True).clamp_max(len(shares) - 1)
