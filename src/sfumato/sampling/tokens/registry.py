"""The closed registry of samplers of tokens: a spec names one by its ``kind``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sfumato.sampling.tokens.ancestral import Ancestral
from sfumato.sampling.tokens.bridge import Bridge
from sfumato.sampling.tokens.confidence import Confidence
from sfumato.sampling.tokens.dyadic import Dyadic
from sfumato.sampling.tokens.remasking import Remasking
from sfumato.sampling.tokens.sampler import TokenSampler
from sfumato.sampling.tokens.trapezoid import Trapezoid

AnyTokenSampler = Annotated[
    Ancestral | Bridge | Confidence | Dyadic | Remasking | Trapezoid, Field(discriminator="kind")
]
"""Any sampler of tokens with its settings, as read from a spec."""

TOKEN_SAMPLERS: dict[str, type[TokenSampler]] = {
    "ancestral": Ancestral,
    "bridge": Bridge,
    "confidence": Confidence,
    "dyadic": Dyadic,
    "remasking": Remasking,
    "trapezoid": Trapezoid,
}
"""Name to class; each class tells its ``summary`` in one line."""
