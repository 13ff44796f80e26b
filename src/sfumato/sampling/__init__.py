"""Samplers: one loop that turns noise into data, and many rules for its step.

trajectory(denoiser, sampler, noise, shape, evaluations) -> states
sampler.step(x_t, t, s, context)                         -> x_s
"""

from sfumato.sampling.adams import Adams
from sfumato.sampling.ddim import DDIM, Ancestral
from sfumato.sampling.dpm import DPM, UniPC
from sfumato.sampling.heun import Heun, StochasticHeun
from sfumato.sampling.loop import State, integrate, last, sample, trajectory
from sfumato.sampling.noise import KeyedNoise, KeyedUniform, NoiseSource
from sfumato.sampling.registry import SAMPLERS, AnySampler
from sfumato.sampling.sampler import Context, Evaluation, Sampler
from sfumato.sampling.wiener import Wiener

__all__ = [
    "DDIM",
    "DPM",
    "SAMPLERS",
    "Adams",
    "Ancestral",
    "AnySampler",
    "Context",
    "Evaluation",
    "Heun",
    "KeyedNoise",
    "KeyedUniform",
    "NoiseSource",
    "Sampler",
    "State",
    "StochasticHeun",
    "UniPC",
    "Wiener",
    "integrate",
    "last",
    "sample",
    "trajectory",
]
