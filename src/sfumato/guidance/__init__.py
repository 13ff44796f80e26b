"""Guidance: a denoiser made from a denoiser, so that any sampler can use it.

guided      Guided: towards conditions, away from their null values;
            Autoguided: towards the model, away from a worse one
separate    Separate: towards each condition with a scale of its own
blended     Blended: two sets of conditions, mixed or each in its region
rules       how the two posteriors are combined
spec        a choice of guidance as data

A scale of 1 is off, everywhere, and costs nothing.
"""

from sfumato.guidance.blended import BLEND, Blended, second
from sfumato.guidance.guided import Autoguided, Guidance, Guided
from sfumato.guidance.rules import RULES, AnyRule, Line, Projected, Rescaled, Rule, ZeroStar
from sfumato.guidance.separate import Separate
from sfumato.guidance.spec import BY_LABEL, GuidanceSpec, guidance_named

__all__ = [
    "BLEND",
    "BY_LABEL",
    "RULES",
    "AnyRule",
    "Autoguided",
    "Blended",
    "Guidance",
    "GuidanceSpec",
    "Guided",
    "Line",
    "Projected",
    "Rescaled",
    "Rule",
    "Separate",
    "ZeroStar",
    "guidance_named",
    "second",
]
