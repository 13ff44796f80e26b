"""The posterior samplers of azula (0.11), each through its public interface.

azula names states ``alpha x0 + sigma e``; here alpha is 1. Its data may have any range. Operators
are functions of batches, and everything is float64. Two things to know:

- DPS divides by the norm of the residuals of the *whole batch*, so its step is multiplied by the
  root of the number of samples, or a batch would be guided less than a sample alone.
- TDS is one filter whose particles are its samples, resampled at every step, so that few of them
  have other ancestors. The twist is the user's to give: see ``gaussian_log_likelihood``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from azula import denoise, guidance, noise, sample
from azula.linalg.covariance import FullCovariance, IsotropicCovariance
from contest import MANY, Contestant, Run, Task, gaussian_log_likelihood, karras
from torch import Tensor


class Karras(noise.Schedule):  # type: ignore[misc]
    """No signal is lost; the levels are those of :func:`contest.karras`."""

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """See azula."""
        return torch.ones_like(t), karras(t)


class Exact(denoise.Denoiser):  # type: ignore[misc]
    """The exact denoiser as one of azula's."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task, self.schedule = task, Karras()

    def forward(self, x_t: Tensor, t: Tensor, **_: Any) -> Any:
        """See azula."""
        level = self.schedule(t)[1].item()
        return denoise.DiracPosterior(mean=self.task.denoiser.mean(x_t, level))


def contestants(few: tuple[int, ...], many: tuple[int, ...]) -> Iterator[Contestant]:
    """All of azula, with its defaults and with the best settings we know.

    Args:
        few: Budgets of all methods.
        many: Budgets of those that are not a lesser setting of another.
    """

    def entry(name: str, run: Run, budgets: tuple[int, ...], most: int = 10_000) -> Contestant:
        return Contestant("azula", name, run, budgets, most=most)

    for zeta in (1.0, 0.3):
        yield entry(f"DPS, zeta {zeta:g}", _dps(zeta), few)
    yield entry("MMPS, 1 gmres", _guided(_mmps("gmres", 1)), few)
    yield entry("JFPS, 1 cg", _guided(_jfps(1)), few)
    yield entry("DiffPIR, lambda 10", _guided(_diffpir(10.0)), few)
    yield entry("TDS, one filter", _tds, few + many)
    better = {
        # Ten times as many steps of a tenth, as is usual.
        "DPS, zeta 0.1": (_dps(0.1), many),
        "PiGDM": (_pigdm, few),
        "TMPD": (_guided(_tmpd), few),
        "MMPS, 5 cg": (_guided(_mmps("cg", 5)), few + many),
        "JFPS, 5 cg": (_guided(_jfps(5)), few + many),
        "DiffPIR, lambda 1": (_guided(_diffpir(1.0)), few + many),
    }
    for name, (run, budgets) in better.items():
        for budget in budgets:
            yield entry(name, run, (budget,), MANY if budget in many else 10_000)
    yield Contestant("azula", "TDS, 16 particles", _tds_of_sixteen, many, 16, MANY)


def _start(task: Task, count: int) -> Tensor:
    level = karras(torch.ones((), dtype=torch.float64))
    return level * torch.randn(count, task.size, dtype=torch.float64)


def _settings(evaluations: int) -> dict[str, Any]:
    return {"steps": evaluations, "silent": True, "dtype": torch.float64}


def _observed(task: Task) -> Callable[[Tensor], Tensor]:
    return lambda x: x @ task.operator.T


def _noise_covariance(task: Task) -> IsotropicCovariance:
    return IsotropicCovariance(torch.tensor(task.noise**2, dtype=torch.float64))


def _guided(make: Callable[[Task], Any]) -> Run:
    """A denoiser of the posterior, with azula's ancestral sampler."""

    def run(task: Task, evaluations: int) -> Tensor:
        sampler = sample.DDPMSampler(make(task), **_settings(evaluations))
        made: Tensor = sampler(_start(task, task.count))
        return made

    return run


def _mmps(solver: str, iterations: int) -> Callable[[Task], Any]:
    def make(task: Task) -> Any:
        y, cov_y = task.observation.y.expand(task.count, -1), _noise_covariance(task)
        return guidance.MMPSDenoiser(Exact(task), y, _observed(task), cov_y, solver, iterations)

    return make


def _jfps(iterations: int) -> Callable[[Task], Any]:
    def make(task: Task) -> Any:
        _, covariance = task.observation.problem.moments()
        variances, axes = torch.linalg.eigh(covariance)
        cov_x, cov_y = FullCovariance(axes, variances), _noise_covariance(task)
        y, observed = task.observation.y.expand(task.count, -1), _observed(task)
        exact = Exact(task)
        return guidance.JFPSDenoiser(exact, y, observed, cov_y, cov_x, iterations=iterations)

    return make


def _tmpd(task: Task) -> Any:
    return guidance.TMPDenoiser(Exact(task), task.observation.y, _observed(task), task.noise**2)


def _diffpir(strength: float) -> Callable[[Task], Any]:
    def make(task: Task) -> Any:
        y, observed = task.observation.y.expand(task.count, -1), _observed(task)
        # Its solver makes one iteration by default; five let the step be nearly exact.
        settings = {"lmbda": strength, "iterations": 1 if strength == 10 else 5}
        return guidance.DiffPIRDenoiser(Exact(task), y, observed, task.noise**2, **settings)

    return make


def _dps(zeta: float) -> Run:
    def run(task: Task, evaluations: int) -> Tensor:
        step = zeta * math.sqrt(task.count)
        y, settings = task.observation.y, _settings(evaluations)
        sampler = guidance.DPSSampler(Exact(task), y, _observed(task), step, **settings)
        made: Tensor = sampler(_start(task, task.count))
        return made

    return run


def _pigdm(task: Task, evaluations: int) -> Tensor:
    # Directions that are seen less than the noise cannot be inverted.
    inverse = torch.linalg.pinv(task.operator, atol=task.noise)
    y, settings = task.observation.y.expand(task.count, -1), _settings(evaluations)
    sampler = guidance.PGDMSampler(
        Exact(task), y, _observed(task), lambda v: v @ inverse.T, eta=1.0, **settings
    )
    made: Tensor = sampler(_start(task, task.count))
    return made


def _tds(task: Task, evaluations: int) -> Tensor:
    """All samples are the particles of one filter."""
    return _filtered(task, task.count, evaluations)


def _tds_of_sixteen(task: Task, evaluations: int) -> Tensor:
    """Each sample is a particle of a filter of its own, so samples are independent."""
    samples = [_filtered(task, 16, evaluations // 16)[0] for _ in range(task.count)]
    return torch.stack(samples)


def _filtered(task: Task, particles: int, steps: int) -> Tensor:
    def twist(mean: Tensor, level: Tensor) -> Tensor:
        return gaussian_log_likelihood(task, mean, level)

    sampler = guidance.TDSSampler(Exact(task), twist, **_settings(steps))
    made: Tensor = sampler(_start(task, particles))
    return made
