"""How near to the end of the exact ODE each sampler comes, by number of evaluations.

    python benchmarks/sampler_accuracy.py

The data are Gaussian mixtures, whose posterior mean is exact, so that every error is the
sampler's. The truth is classical Runge-Kutta in the log noise level, which shares no code with the
samplers. A cell is the geometric mean over the problems of the root-mean-square error of the
endpoints. Takes about two minutes on one thread; prints Markdown. The default
grid's two numbers were chosen on such mixtures, so judge a change on others as well.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.grids import AngleGrid, EDMGrid, LogSNRGrid, UniformGrid
from sfumato.process.schedule import VE, VP, Linear, Schedule
from sfumato.sampling import (
    DDIM,
    DPM,
    Adams,
    Heun,
    KeyedNoise,
    Sampler,
    UniPC,
    sample,
)

EVALUATIONS = (5, 10, 20, 50)
SAMPLES = 96
SCHEDULES: dict[str, Schedule] = {"linear": Linear(), "vp": VP(), "ve": VE()}
SAMPLERS: dict[str, Sampler] = {
    "adams (default)": Adams(),
    "adams, order 2": Adams(order=2),
    "adams, order 4": Adams(order=4),
    "adams, uncorrected": Adams(correct=False),
    "unipc": UniPC(),
    "dpm 2M": DPM(order=2),
    "dpm 3M": DPM(order=3),
    "heun": Heun(),
    "ddim": DDIM(),
}
GRIDS: dict[str, Sampler] = {
    "adams on angle (default)": Adams(),
    "adams on log-snr": Adams(grid=LogSNRGrid()),
    "adams on edm": Adams(grid=EDMGrid()),
    "adams on uniform": Adams(grid=UniformGrid()),
    "dpm 2M on log-snr": DPM(grid=LogSNRGrid()),
    "unipc on log-snr": UniPC(grid=LogSNRGrid()),
    "heun on edm": Heun(grid=EDMGrid()),
}


def mixtures() -> dict[str, GaussianMixture]:
    """Shapes that data take: apart, tilted, thin, far apart, and with a falling spectrum."""
    g = torch.Generator().manual_seed(11)

    def turned(stds: Tensor) -> Tensor:
        basis, _ = torch.linalg.qr(torch.randn(*stds.shape, stds.shape[1], generator=g))
        covariances: Tensor = basis @ torch.diag_embed(stds.square()) @ basis.mT
        return covariances

    def log_uniform(k: int, d: int, low: float, high: float) -> Tensor:
        return torch.empty(k, d).uniform_(math.log(low), math.log(high), generator=g).exp()

    angles = torch.arange(8) * (2 * math.pi / 8)
    ring = torch.stack([angles.cos(), angles.sin()], 1)
    thin = torch.cat([torch.full((20, 4), 0.3), torch.full((20, 12), 0.01)], 1)
    spectrum = 1 / (torch.arange(256) + 1.0)
    spectrum = spectrum / spectrum.norm() * 0.5 * math.sqrt(256)
    build = GaussianMixture.build
    return {
        "ring, 2-D": build(ring, stds=0.1),
        "tilted, 2-D": build(
            torch.rand(12, 2, generator=g) * 2 - 1, turned(log_uniform(12, 2, 0.02, 0.3))
        ),
        "tilted, 16-D": build(
            torch.randn(10, 16, generator=g) * 0.5, turned(log_uniform(10, 16, 0.02, 0.6))
        ),
        "thin, 16-D": build(torch.randn(20, 16, generator=g) * 0.3, turned(thin)),
        "clusters, 48-D": build(
            torch.randn(8, 48, generator=g) * 0.7, stds=log_uniform(8, 48, 0.04, 0.5)
        ),
        "picture-like, 256-D": build(
            torch.randn(4, 256, generator=g) * spectrum * 0.6, stds=spectrum * 0.8
        ),
    }


@dataclass(frozen=True)
class Problem:
    """A denoiser, noise, and the exact end of the path that starts from it."""

    name: str
    schedule: str
    denoiser: MixtureDenoiser
    dimensions: int
    truth: Tensor

    def error(self, sampler: Sampler, evaluations: int) -> float:
        """Root-mean-square error of the endpoints, from float32 states."""
        x0 = sample(self.denoiser, sampler, NOISE, (self.dimensions,), evaluations)
        return (x0.double() - self.truth).square().mean().sqrt().item()


NOISE = KeyedNoise(0, range(SAMPLES))


def problems() -> list[Problem]:
    """Every mixture under every schedule."""
    found = []
    for name, mixture in mixtures().items():
        for kind, schedule in SCHEDULES.items():
            denoiser = MixtureDenoiser(mixture, Gaussian(schedule))
            size = mixture.means.shape[1]
            x_1 = denoiser.process.prior(NOISE.prior((size,)).double())
            found.append(Problem(name, kind, denoiser, size, runge_kutta(denoiser, x_1)))
    return found


def runge_kutta(denoiser: MixtureDenoiser, x_1: Tensor, steps: int = 400) -> Tensor:
    """The ODE ``dz / du = z - E[x0 | x_t]`` in ``z = x_t / alpha`` and ``u = log(sigma / alpha)``.

    A path that starts without signal is entered at noise level 10^4, where the posterior mean has
    not yet moved.
    """
    process, schedule = denoiser.process, denoiser.process.schedule
    one = torch.ones((), dtype=torch.float64)
    top = min(-schedule.log_snr(one).item() / 2, math.log(1e4))
    start = schedule.time(torch.tensor(-2 * top, dtype=torch.float64))
    if start < 1:
        x_1 = process.bridge(x_1, denoiser(x_1, one).mean, one, start, eta=0.0).mean

    def mean(z: Tensor, u: Tensor) -> Tensor:
        t = schedule.time(-2 * u)
        alpha, _ = schedule.coefficients(t)
        found: Tensor = denoiser(alpha * z, t).mean
        return found

    levels = torch.linspace(top, math.log(2e-4), steps + 1, dtype=torch.float64)
    z = x_1 / schedule.coefficients(start)[0]
    for a, b in pairwise(levels):
        h = b - a
        k1 = z - mean(z, a)
        k2 = z + h / 2 * k1 - mean(z + h / 2 * k1, a + h / 2)
        k3 = z + h / 2 * k2 - mean(z + h / 2 * k2, a + h / 2)
        k4 = z + h * k3 - mean(z + h * k3, b)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return mean(z, levels[-1])


def table(title: str, rows: dict[str, Callable[[int], float]]) -> None:
    """One Markdown table, budgets across."""
    print(f"\n| {title} | " + " | ".join(map(str, EVALUATIONS)) + " |")
    print("|---" * (len(EVALUATIONS) + 1) + "|")
    for name, cell in rows.items():
        print(f"| {name} | " + " | ".join(f"{cell(n):.4f}" for n in EVALUATIONS) + " |")


def over(found: Sequence[Problem], sampler: Sampler) -> Callable[[int], float]:
    """Geometric mean of the errors over problems."""

    def cell(evaluations: int) -> float:
        errors = [problem.error(sampler, evaluations) for problem in found]
        return math.exp(sum(map(math.log, errors)) / len(errors))

    return cell


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    with torch.no_grad():
        found = problems()
        table("sampler", {name: over(found, s) for name, s in SAMPLERS.items()})
        table("grid", {name: over(found, s) for name, s in GRIDS.items()})
        for kind in SCHEDULES:
            here = [p for p in found if p.schedule == kind]
            table(f"{kind}: adams", {p.name: over([p], Adams()) for p in here})
        angles = {
            f"adams, pivot {a}, power {b}": Adams(
                pivot=a, power=b, grid=AngleGrid(pivot=a, power=b)
            )
            for a, b in ((0.5, 0.7), (1.0, 0.7), (2.0, 0.7), (1.0, 0.5), (1.0, 1.0))
        }
        table("angle", {name: over(found, s) for name, s in angles.items()})


if __name__ == "__main__":
    main()
