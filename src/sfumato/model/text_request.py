"""What is asked of a model of text, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sfumato.engine.precision import NumberFormat
from sfumato.guidance import BY_LABEL, GuidanceSpec
from sfumato.sampling.tokens import TokenSampler


@dataclass(frozen=True)
class TextRequest:
    """What to sample.

    Attributes:
        n: How many texts.
        first: Index of the first one; sample ``i`` is a function of (seed, i).
        seed: In [0, 2**63).
        sampler: The rule for one step.
        steps: Network evaluations per text, at most; for each window of a text that is longer
            than the context.
        label: Class of all texts; None draws one for each, as often as in the data.
        scale: Guidance, 1 = off.
        temperature: Below 1 = safer tokens, 1 = off.
        top_p: Draw from the likeliest tokens that make up this share; 1 = off.
        length: Tokens of each text; None draws it as often as in the data.
        batch: How many are made at a time; it changes memory and speed, not the texts.
        tile: Rows per network evaluation, see ``sampling.tiles``.
        precision: Number format of the network; tokens are drawn in float64 whatever it is.
        guidance: What it is guided by, and how.
        compiled: Whether the network is compiled first.
    """

    n: int
    first: int
    seed: int
    sampler: TokenSampler
    steps: int
    label: str | None
    scale: float
    temperature: float
    top_p: float
    length: int | None
    batch: int
    tile: int
    precision: NumberFormat
    guidance: GuidanceSpec = BY_LABEL
    compiled: bool = False


@dataclass(frozen=True)
class MadeTexts:
    """A finished batch of texts.

    Attributes:
        indices: Of the samples.
        texts: What was written.
        recipes: One per text, to be stored beside it.
    """

    indices: Sequence[int]
    texts: list[str]
    recipes: list[dict[str, Any]]
