"""What is asked of a model of pictures or sounds, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from sfumato.engine.precision import NumberFormat
from sfumato.guidance import BY_LABEL, GuidanceSpec
from sfumato.model.stored import Start
from sfumato.sampling import Sampler


@dataclass(frozen=True)
class Request:
    """What to sample.

    Attributes:
        n: How many samples.
        first: Index of the first one; sample ``i`` is a function of (seed, i).
        seed: In [0, 2**63).
        sampler: The rule for one step.
        steps: Network evaluations per sample.
        label: Class of all samples; None draws one for each, as often as in the data, or leaves
            it open where there is a start.
        scale: Guidance, 1 = off.
        batch: How many are made at a time; it changes memory and speed, not the samples.
        tile: Rows per network evaluation, see ``sampling.tiles``.
        precision: Number format of the network.
        start: The file to vary; None to begin from noise alone.
        seconds: Sounds: how long each is; None draws it as in the data.
        guidance: What it is guided by, and how.
        compiled: Whether the network is compiled first.
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
    precision: NumberFormat
    start: Start | None = None
    seconds: float | None = None
    guidance: GuidanceSpec = BY_LABEL
    compiled: bool = False


@dataclass(frozen=True)
class Made:
    """A finished batch of samples.

    Attributes:
        indices: Of the samples.
        items: As the medium decodes them, shape (B, ...).
        recipes: One per sample, to be stored in its file.
    """

    indices: Sequence[int]
    items: NDArray[Any]
    recipes: list[dict[str, Any]]


@dataclass(frozen=True)
class Origin:
    """A file to vary, as a process sees it.

    Attributes:
        x0: Shape (1, C, *sides).
        filled: Which share of its extent it fills.
    """

    x0: Tensor
    filled: float
