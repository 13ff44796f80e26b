"""The posterior samplers of deepinv (0.5), each through its public interface.

deepinv's networks see pictures in [0, 1] at ``x0 + sigma e`` and work in float32. Its diffusion
under an SDE takes data of any range (``minus_one_one=False``); DiffPIR and DDRM do not, so data are
mapped onto [0, 1] with a margin, and noise and observation with them. Operators are given by their
singular values: the observation is turned by ``U^T`` and filled up with zeros, which is no more
than another choice of coordinates.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from contest import HIGH, LOW, MANY, RHO, Contestant, Run, Task, karras
from torch import Tensor

if importlib.util.find_spec("torchvision") is not None:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # Wheels of torchvision fit one build of torch. deepinv imports it for pictures alone, and
        # it can be imported as soon as the two operators exist that it does not find.
        _LIBRARY = torch.library.Library("torchvision", "DEF")
        for _name in ("nms", "qnms"):
            _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import deepinv
from deepinv import sampling

_REACH = 4.0
"""Data are within so many standard deviations of the mean, all but a few."""


@dataclass(frozen=True)
class Scaled:
    """A task in the coordinates of ``u`` where ``x0 = low + width u``.

    Attributes:
        task: The task.
        low: Shape (D,).
        width: Above 0.
    """

    task: Task
    low: Tensor
    width: float

    @classmethod
    def plain(cls, task: Task) -> Scaled:
        """The data as they are."""
        return cls(task, torch.zeros(task.size, dtype=torch.float64), 1.0)

    @classmethod
    def unit(cls, task: Task) -> Scaled:
        """Data in [0, 1]."""
        mean, covariance = task.observation.problem.moments()
        reach = _REACH * covariance.diagonal().max().sqrt().item()
        return cls(task, mean - reach, 2 * reach)

    def physics(self) -> tuple[Any, Tensor]:
        """deepinv's operator, and the observation in its coordinates, (count, 1, 1, D)."""
        left, values, right = torch.linalg.svd(self.task.operator)
        size, rank = self.task.size, len(values)
        padded = torch.zeros(1, 1, 1, size)
        padded[..., :rank] = values.float()
        axes = right.float()
        y = (self.task.observation.y - self.task.operator @ self.low) / self.width
        turned = torch.zeros(self.task.count, 1, 1, size)
        turned[..., :rank] = (y @ left)[:rank].float()
        physics = deepinv.physics.DecomposablePhysics(
            U=lambda v: v,
            U_adjoint=lambda v: v,
            V_adjoint=lambda x: x @ axes.to(x.dtype).T,
            V=lambda v: v @ axes.to(v.dtype),
            mask=padded,
            noise_model=deepinv.physics.GaussianNoise(self.task.noise / self.width),
        )
        return physics, turned

    def back(self, u: Tensor) -> Tensor:
        """Samples (count, 1, 1, D) as data (count, D)."""
        return self.low + self.width * u.double().flatten(1)


class Exact(deepinv.models.Denoiser):  # type: ignore[misc]
    """The exact denoiser as one of deepinv's."""

    def __init__(self, scaled: Scaled) -> None:
        super().__init__()
        self.scaled = scaled

    def forward(self, x: Tensor, sigma: Any, **_: Any) -> Tensor:
        """See deepinv."""
        level = self.scaled.width * float(torch.as_tensor(sigma).flatten()[0])
        low = self.scaled.low
        mean = self.scaled.task.denoiser.mean(
            low + self.scaled.width * x.double().flatten(1), level
        )
        return ((mean - low) / self.scaled.width).reshape(x.shape).to(x.dtype)


def contestants(few: tuple[int, ...], many: tuple[int, ...]) -> Iterator[Contestant]:
    """All of deepinv that use a denoiser of every noise level.

    Args:
        few: Budgets of all methods.
        many: Budgets of those that are not a lesser setting of another.
    """

    for weight in (1.0, 100.0):
        run = _sde("DPSDataFidelity", weight=weight)
        yield Contestant("deepinv", f"DPS, weight {weight:g}", run, few)
    yield Contestant("deepinv", "DPS, annealed", _sde("DPSDataFidelity", guidance="annealed"), few)
    better = {
        "DPS, weight 10": (_sde("DPSDataFidelity", weight=10.0), True),
        "PiGDM": (_sde("PiGDMDataFidelity"), False),
        "moment matching, 3 cg": (_sde("MomentMatchingDataFidelity"), True),
        "DiffPIR, zeta 0.1": (_diffpir(0.1), False),
        "DiffPIR, zeta 1": (_diffpir(1.0), False),
        "DDRM": (_ddrm, True),
    }
    for name, (run, again) in better.items():
        yield Contestant("deepinv", name, run, few)
        if again:
            yield Contestant("deepinv", name, run, many, most=MANY)


def _sde(term: str, **settings: Any) -> Run:
    """The reverse SDE with a term for the observation, by ancestral steps."""

    def run(task: Task, evaluations: int) -> Tensor:
        scaled = Scaled.plain(task)
        physics, y = scaled.physics()
        low, high = LOW ** (1 / RHO), HIGH ** (1 / RHO)
        sde = sampling.EDMDiffusionSDE(
            sigma_t=karras,
            sigma_prime_t=lambda t: RHO * (high - low) * (low + t * (high - low)) ** (RHO - 1),
            variance_exploding=True,
            denoiser=Exact(scaled),
            minus_one_one=False,
        )
        # The last of the evaluations removes what noise is left.
        times = torch.linspace(1, 0, evaluations, dtype=torch.float64)
        model = sampling.PosteriorDiffusion(
            getattr(sampling, term)(**settings),
            sde=sde,
            denoiser=Exact(scaled),
            solver=sampling.AncestralSolver(timesteps=times),
            minus_one_one=False,
        )
        return scaled.back(model(y, physics, x_init=y.shape))

    return run


def _diffpir(zeta: float) -> Run:
    def run(task: Task, evaluations: int) -> Tensor:
        scaled = Scaled.unit(task)
        physics, y = scaled.physics()
        model = sampling.DiffPIR(Exact(scaled), deepinv.optim.L2(), max_iter=evaluations, zeta=zeta)
        return scaled.back(model(y, physics))

    return run


def _ddrm(task: Task, evaluations: int) -> Tensor:
    scaled = Scaled.unit(task)
    physics, y = scaled.physics()
    positions = torch.linspace(1, 0, evaluations, dtype=torch.float64)
    levels = (karras(positions) / scaled.width).tolist()
    return scaled.back(sampling.DDRM(Exact(scaled), sigmas=levels)(y, physics))
