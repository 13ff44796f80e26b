"""Requests for samples, and the provenance that is stored with every sample.

Both are one type, so the request that makes a stored sample again is read, and validated, from its
file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator

from sfumato.conditioning.condition import Value
from sfumato.conditioning.file import PairFile
from sfumato.engine.precision import NumberFormat
from sfumato.errors import DataError
from sfumato.guidance import GuidanceSpec
from sfumato.media.editing import Edit
from sfumato.media.folder import Items
from sfumato.media.registry import medium_of_file
from sfumato.model.blend import Blend
from sfumato.model.options import LARGEST
from sfumato.model.start import Start, shareable
from sfumato.regular import require_regular
from sfumato.restoration.methods import AnyMethod
from sfumato.sampling import AnySampler, Sampler, State
from sfumato.sampling.tokens import AnyTokenSampler

MOST_STEPS = 100_000
MOST_TOKENS = 1_000_000
POOR = 2.0
"""Residual from which on a restored sample contradicts its observation."""
_OF_EDITS = frozenset({"edit", "method", "covariance"})
_OF_WORDS = frozenset({"conditions", "negative", "blend"})

ProvenanceT = TypeVar("ProvenanceT", bound="Provenance")


class Provenance(BaseModel):
    """How one sample was made: everything that is needed to make it again.

    In a request, ``index`` is that of the first sample, and fields that are None are drawn for each
    sample.

    Attributes:
        sfumato: Version of the package.
        run: Name of the run.
        model: Fingerprint of the weights.
        seed: Seed of all noise.
        index: Number of the sample, which is a function of (seed, index).
        sampler: The rule for one step.
        steps: Number of network evaluations; on tokens at most as many, for each window of a text
            that is longer than the context.
        label: Name of its class; None for an unconditional run, and for an unknown class.
        conditions: Values of its other conditions by name; those that it lacks are unknown. None in
            a run without any; in a request, also for values that are drawn as in the data.
        negative: The words that guidance leads away from; None for unknown words.
        blend: A second set of conditions; None for one set.
        scale: Strength of guidance; 1 turns it off.
        scales: Strength of guidance by the name of the condition; None for one of all together.
        guidance: The model that guides it, and the rule.
        early: Fingerprint of the early weights that it is guided away from; None without them.
        temperature: Text: below 1 makes tokens safer; 1 turns it off.
        top_p: Text: share of the most likely tokens that are drawn from; 1 turns it off.
        length: Text: number of tokens.
        tile: Rows in a network evaluation, see ``sampling.tiles``.
        precision: Number format of the network; None in files from before it was stored, which were
            made in the run's own format.
        compiled: Whether the network was compiled, which changes the last bits.
        start: Image, audio: the file that it is a variation of; None for noise alone.
        seconds: Audio: its length; None where all clips fill the window.
        edit: Image, audio: what was done to the file ``start``; None for samples and variations.
        method: The method of restoration of an edit.
        covariance: Fingerprint of the covariance of the data that an edit used; None without one.
        prompts: In a request: sample ``i`` has the words of number ``i`` modulo their number. They
            are not stored, as each sample has its own among its conditions.
    """

    # A later version may add fields that this one does not need.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    foreign: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not apply to samples of this kind."""

    sfumato: str
    run: str
    model: str
    seed: int = Field(ge=0, le=LARGEST)
    index: int = Field(ge=0, le=LARGEST)
    sampler: SerializeAsAny[Sampler]
    steps: int = Field(ge=1, le=MOST_STEPS)
    label: str | None
    conditions: dict[str, Value] | None = None
    negative: str | None = None
    blend: Blend | None = None
    scale: float
    scales: dict[str, float] | None = None
    guidance: GuidanceSpec = GuidanceSpec()
    early: str | None = None
    temperature: float | None = Field(None, gt=0, le=1000)
    top_p: float | None = Field(None, gt=0, le=1)
    length: int | None = Field(None, ge=0, le=MOST_TOKENS)
    tile: int = Field(ge=1, le=4096)
    precision: NumberFormat | None = None
    compiled: bool = False
    start: Start | None = None
    seconds: float | None = Field(None, gt=0)
    edit: Edit | None = None
    method: AnyMethod | None = None
    covariance: str | None = None
    prompts: tuple[str, ...] = ()

    @field_validator("conditions")
    @classmethod
    def _files_have_digests(cls, values: dict[str, Value] | None) -> dict[str, Value] | None:
        files = (value for value in (values or {}).values() if isinstance(value, PairFile))
        if not all(file.sha256 for file in files):
            raise ValueError("a file has no digest")
        return values

    def stored(self) -> dict[str, Any]:
        """Plain data for the file of a sample, without places on this machine."""
        origin = self
        if self.start is not None:
            start = self.start.model_copy(update={"path": shareable(self.start.path)})
            origin = origin.changed(start=start)
        files = {
            name: file.model_copy(update={"path": shareable(file.path)})
            for name, file in self.files.items()
        }
        origin = origin.with_files(files)
        foreign = {*self.foreign, "prompts"}
        foreign |= set() if self.method is not None else _OF_EDITS
        if self.conditions is None:
            foreign |= _OF_WORDS if self.scales else {*_OF_WORDS, "scales"}
        return origin.model_dump(mode="json", exclude=foreign)

    @property
    def files(self) -> dict[str, PairFile]:
        """The values of the conditions that are files, by name."""
        values = (self.conditions or {}).items()
        return {name: value for name, value in values if isinstance(value, PairFile)}

    def with_files(self, files: Mapping[str, PairFile]) -> Self:
        """A copy with other files for some conditions."""
        return self.changed(conditions={**(self.conditions or {}), **files}) if files else self

    def changed(self, **values: Any) -> Self:
        """A copy with some values replaced."""
        return self.model_copy(update=values)


class NumberProvenance(Provenance):
    """How a sample of numbers was made."""

    foreign = frozenset({"temperature", "top_p", "length"})

    sampler: AnySampler


class TokenProvenance(Provenance):
    """How a sample of tokens was made."""

    foreign = frozenset({"start", "seconds"}) | _OF_EDITS

    sampler: AnyTokenSampler


def read_provenance(
    path: Path, kind: type[ProvenanceT], read: Callable[[Path], dict[str, Any]]
) -> ProvenanceT:
    """The provenance of a stored sample.

    Args:
        path: Path of its file; for a text ``FILE.jsonl:LINE``.
        kind: The class of the provenance.
        read: A function that reads plain data from the file.

    Raises:
        DataError: The file has no provenance, or an invalid one.
    """
    _require_file(path)
    try:
        return kind.model_validate(read(path))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise DataError(
            f"The provenance in '{path}' is damaged.", why=f"{place}: {problem['msg']}"
        ) from error


def origin_in(path: Path) -> tuple[str, str]:
    """The name of the run that made a stored sample, and the fingerprint of its weights.

    Raises:
        DataError: The file carries no provenance.
    """
    _require_file(path)
    origin = medium_of_file(path).read_provenance(path)
    name, model = origin.get("run"), origin.get("model")
    if not isinstance(name, str) or not isinstance(model, str):
        raise DataError(f"The provenance in '{path}' is damaged.", why="it names no run")
    return name, model


def _require_file(path: Path) -> None:
    """Refuse a pipe or a device before it is opened; the sample may be line N of ``FILE:N``."""
    if not path.exists():
        path = path.with_name(path.name.rpartition(":")[0] or path.name)
    if path.exists():
        require_regular(path)


@dataclass(frozen=True)
class Request:
    """A validated request for samples.

    Attributes:
        n: Number of samples.
        batch: Number of samples made at a time; it changes memory and speed, not the samples.
        sample: The provenance of the samples; its ``index`` is that of the first one.
    """

    n: int
    batch: int
    sample: Provenance

    @property
    def indices(self) -> range:
        """Indices of the samples."""
        return range(self.sample.index, self.sample.index + self.n)

    def changed(self, n: int, steps: int) -> Request:
        """A copy with another number of samples and of network evaluations."""
        return replace(self, n=n, sample=self.sample.changed(steps=steps))

    def part(self, indices: range) -> Request:
        """The request for the samples of some consecutive indices."""
        return replace(self, n=len(indices), sample=self.sample.changed(index=indices.start))


@dataclass(frozen=True)
class Making:
    """The state of a batch of samples after a step of the sampler.

    Attributes:
        done: Number of samples finished before this batch.
        total: Number of samples of the request.
        state: The states of this batch.
        show: Turns states into texts with a sign at every masked place; None for other media.
    """

    done: int
    total: int
    state: State
    show: Callable[[State], list[str]] | None = None

    @property
    def texts(self) -> list[str] | None:
        """The states as texts; None for other media."""
        return None if self.show is None else self.show(self.state)


@dataclass(frozen=True)
class Fit:
    """How well a restored sample explains what is known.

    Attributes:
        residual: The mean square of what is left of the observation, over the variance of its
            noise: about 1 for a sample of the posterior; above 2 the sample contradicts the file.
        effective: The effective number of particles, the mean over the steps; None for methods
            without particles.
    """

    residual: float
    effective: float | None = None

    @property
    def is_poor(self) -> bool:
        """Whether the sample contradicts what is known."""
        return self.residual > POOR


@dataclass(frozen=True)
class Made:
    """A finished batch of samples.

    Attributes:
        indices: Indices of the samples.
        items: The decoded samples: an array (B, ...), or a list of texts.
        provenance: The provenance of each sample.
        fits: How well each sample explains what is known; empty for samples that are no edits.
    """

    indices: range
    items: Items
    provenance: tuple[Provenance, ...]
    fits: tuple[Fit, ...] = ()
