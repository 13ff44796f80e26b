"""The closed registry of samplers: a spec names one by its ``kind``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sfumato.sampling.adams import Adams
from sfumato.sampling.ddim import DDIM, Ancestral
from sfumato.sampling.dpm import DPM, UniPC
from sfumato.sampling.heun import Heun, StochasticHeun
from sfumato.sampling.sampler import Sampler
from sfumato.sampling.tuned import Tuned
from sfumato.sampling.wiener import Wiener

AnySampler = Annotated[
    Tuned | Wiener | Adams | DDIM | Ancestral | Heun | StochasticHeun | DPM | UniPC,
    Field(discriminator="kind"),
]
"""Any sampler with its settings, as read from a spec; ``tuned`` comes from a run alone."""

SAMPLERS: dict[str, type[Sampler]] = {
    "wiener": Wiener,
    "adams": Adams,
    "ddim": DDIM,
    "ancestral": Ancestral,
    "heun": Heun,
    "edm": StochasticHeun,
    "dpm": DPM,
    "unipc": UniPC,
}
"""Name to class; each class tells its ``summary`` in one line."""
