"""Samplers of tokens: rules for a step of a categorical process.

sampler.step(x_t, t, s, context) -> x_s, int64 of shape (B, L), without masks at ``s = 0``
"""

from sfumato.sampling.tokens.ancestral import Ancestral
from sfumato.sampling.tokens.bridge import Bridge
from sfumato.sampling.tokens.confidence import Confidence
from sfumato.sampling.tokens.dyadic import Dyadic
from sfumato.sampling.tokens.registry import TOKEN_SAMPLERS, AnyTokenSampler
from sfumato.sampling.tokens.remasking import Remasking
from sfumato.sampling.tokens.sampler import TokenSampler
from sfumato.sampling.tokens.trapezoid import Trapezoid

__all__ = [
    "TOKEN_SAMPLERS",
    "Ancestral",
    "AnyTokenSampler",
    "Bridge",
    "Confidence",
    "Dyadic",
    "Remasking",
    "TokenSampler",
    "Trapezoid",
]
