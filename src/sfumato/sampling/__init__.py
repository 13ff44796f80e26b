"""Samplers: one loop from noise to data, and many rules for its step.

trajectory(denoiser, sampler, noise, shape, evaluations) -> states
sampler.step(x_t, t, s, context)                         -> x_s
"""

from typing import Annotated

from sfumato.registry import Registry
from sfumato.sampling.adaptive import Adaptive as Adaptive
from sfumato.sampling.ddim import DDIM as DDIM
from sfumato.sampling.ddim import Ancestral as Ancestral
from sfumato.sampling.loop import State as State
from sfumato.sampling.loop import integrate as integrate
from sfumato.sampling.loop import last as last
from sfumato.sampling.loop import sample as sample
from sfumato.sampling.loop import trajectory as trajectory
from sfumato.sampling.multistep import DPM as DPM
from sfumato.sampling.multistep import Adams as Adams
from sfumato.sampling.multistep import UniPC as UniPC
from sfumato.sampling.noise import KeyedNoise as KeyedNoise
from sfumato.sampling.noise import KeyedUniform as KeyedUniform
from sfumato.sampling.noise import NoiseSource as NoiseSource
from sfumato.sampling.noise import ParticleNoise as ParticleNoise
from sfumato.sampling.noise_multistep import DEIS as DEIS
from sfumato.sampling.noise_multistep import IPNDM as IPNDM
from sfumato.sampling.restart import Restart as Restart
from sfumato.sampling.runge_kutta import RK4 as RK4
from sfumato.sampling.runge_kutta import Heun as Heun
from sfumato.sampling.runge_kutta import StochasticHeun as StochasticHeun
from sfumato.sampling.sampler import Context as Context
from sfumato.sampling.sampler import Evaluation as Evaluation
from sfumato.sampling.sampler import Sampler as Sampler
from sfumato.sampling.stochastic import DPMSDE as DPMSDE
from sfumato.sampling.stochastic import SASolver as SASolver
from sfumato.sampling.tuned import Tuned as Tuned
from sfumato.sampling.wiener import Wiener as Wiener

SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    Sampler,
    (
        Wiener,
        Adams,
        DDIM,
        Ancestral,
        Heun,
        StochasticHeun,
        DPM,
        UniPC,
        DEIS,
        IPNDM,
        RK4,
        Adaptive,
        DPMSDE,
        SASolver,
        Restart,
        Tuned,
    ),
    accepts=lambda kind: not kind.for_tokens,
)
"""The samplers of numbers by their ``kind``; each class has a ``summary`` of one line."""

AnySampler = Annotated[Sampler, SAMPLERS]
"""Any sampler of numbers with its settings, as read from a spec."""
