"""Samplers: one loop that turns noise into data, and many rules for its step.

trajectory(denoiser, sampler, noise, shape, evaluations) -> states
sampler.step(x_t, t, s, context)                         -> x_s
"""

from sfumato.sampling.adams import Adams
from sfumato.sampling.adaptive import Adaptive
from sfumato.sampling.ddim import DDIM, Ancestral
from sfumato.sampling.dpm import DPM, UniPC
from sfumato.sampling.heun import Heun, StochasticHeun
from sfumato.sampling.loop import State, integrate, last, sample, trajectory
from sfumato.sampling.noise import KeyedNoise, KeyedUniform, NoiseSource
from sfumato.sampling.noise_multistep import DEIS, IPNDM
from sfumato.sampling.registry import SAMPLERS, AnySampler
from sfumato.sampling.restart import Restart
from sfumato.sampling.runge_kutta import RK4
from sfumato.sampling.sampler import Context, Evaluation, Sampler
from sfumato.sampling.stochastic import DPMSDE, SASolver
from sfumato.sampling.tuned import Tuned
from sfumato.sampling.wiener import Wiener

__all__ = [
    "DDIM",
    "DEIS",
    "DPM",
    "DPMSDE",
    "IPNDM",
    "RK4",
    "SAMPLERS",
    "Adams",
    "Adaptive",
    "Ancestral",
    "AnySampler",
    "Context",
    "Evaluation",
    "Heun",
    "KeyedNoise",
    "KeyedUniform",
    "NoiseSource",
    "Restart",
    "SASolver",
    "Sampler",
    "State",
    "StochasticHeun",
    "Tuned",
    "UniPC",
    "Wiener",
    "integrate",
    "last",
    "sample",
    "trajectory",
]
