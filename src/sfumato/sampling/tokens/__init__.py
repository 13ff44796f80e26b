"""Samplers of tokens: rules for a step of a categorical process.

sampler.step(x_t, t, s, context) -> x_s, int64 of shape (B, L), without masks at ``s = 0``
"""

from typing import Annotated

from sfumato.registry import Registry
from sfumato.sampling.tokens.ancestral import Ancestral as Ancestral
from sfumato.sampling.tokens.ancestral import Bridge as Bridge
from sfumato.sampling.tokens.confidence import Confidence as Confidence
from sfumato.sampling.tokens.dyadic import Dyadic as Dyadic
from sfumato.sampling.tokens.remasking import Remasking as Remasking
from sfumato.sampling.tokens.sampler import TokenSampler as TokenSampler
from sfumato.sampling.tokens.trapezoid import Trapezoid as Trapezoid

TOKEN_SAMPLERS: Registry[TokenSampler] = Registry(
    "sampler of text",
    TokenSampler,
    (Ancestral, Bridge, Confidence, Dyadic, Remasking, Trapezoid),
)
"""The samplers of tokens by their ``kind``; each class has a ``summary`` of one line."""

AnyTokenSampler = Annotated[TokenSampler, TOKEN_SAMPLERS]
"""Any sampler of tokens with its settings, as read from a spec."""
