"""Guidance: a denoiser made from a denoiser, so that any sampler can use it.

guided      towards a label, away from none
auto        towards the model, away from a worse one
rules       how the two posteriors are combined

A scale of 1 is off, everywhere, and costs nothing.
"""

from sfumato.guidance.auto import Autoguided
from sfumato.guidance.guided import Guided
from sfumato.guidance.rules import RULES, AnyRule, Line, Projected, Rescaled, Rule, ZeroStar
from sfumato.guidance.spec import BY_LABEL, GuidanceSpec, guidance_named
from sfumato.guidance.two import Guidance

__all__ = [
    "BY_LABEL",
    "RULES",
    "AnyRule",
    "Autoguided",
    "Guidance",
    "GuidanceSpec",
    "Guided",
    "Line",
    "Projected",
    "Rescaled",
    "Rule",
    "ZeroStar",
    "guidance_named",
]
