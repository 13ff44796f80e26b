"""The closed registry of samplers: a spec names one by its ``kind``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sfumato.sampling.adams import Adams
from sfumato.sampling.adaptive import Adaptive
from sfumato.sampling.ddim import DDIM, Ancestral
from sfumato.sampling.dpm import DPM, UniPC
from sfumato.sampling.heun import Heun, StochasticHeun
from sfumato.sampling.noise_multistep import DEIS, IPNDM
from sfumato.sampling.restart import Restart
from sfumato.sampling.runge_kutta import RK4
from sfumato.sampling.sampler import Sampler
from sfumato.sampling.stochastic import DPMSDE, SASolver
from sfumato.sampling.tuned import Tuned
from sfumato.sampling.wiener import Wiener

AnySampler = Annotated[
    Tuned
    | Wiener
    | Adams
    | Adaptive
    | Ancestral
    | DDIM
    | DEIS
    | DPM
    | DPMSDE
    | Heun
    | IPNDM
    | RK4
    | Restart
    | SASolver
    | StochasticHeun
    | UniPC,
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
    "deis": DEIS,
    "ipndm": IPNDM,
    "rk4": RK4,
    "adaptive": Adaptive,
    "dpm-sde": DPMSDE,
    "sa": SASolver,
    "restart": Restart,
}
"""Name to class; each class tells its ``summary`` in one line."""
