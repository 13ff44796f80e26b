"""How far guided samples are from the distribution that guidance is meant to sample.

    python benchmarks/guidance_accuracy.py

The data are Gaussian mixtures with classes, so both posteriors are exact, and so is the tilted
distribution ``p(x | c) p(c | x)^(scale - 1)``, which is drawn from by rejection: no rule of
guidance samples it, as a term is missing (Bradley & Nakkiran 2024, arXiv:2408.09000). Autoguidance
is given a model whose components are too wide, and a worse one of wider ones yet; it is meant to
sample the data themselves better, and is compared with them. Four minutes on one core; prints
Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.guidance import Autoguided, Guided, Line, Projected, Rescaled, Rule, ZeroStar
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Linear
from sfumato.sampling import KeyedNoise, Wiener, sample

sys.path.insert(0, str(Path(__file__).parent / "sampler_accuracy"))
from distances import sliced

SCALES = (1.5, 2.0, 3.0, 5.0)
COUNT, STEPS = 2000, 40
RULES: dict[str, Rule] = {
    "line": Line(),
    "rescaled": Rescaled(),
    "apg": Projected(),
    "cfg-zero": ZeroStar(),
    "cfg-zero, idle 0.04": ZeroStar(idle=0.04),
}
INTERVAL = (0.2, 0.8)


def mixtures() -> dict[str, GaussianMixture]:
    """Classes that overlap, in few and in more dimensions."""
    g = torch.Generator().manual_seed(4)
    labels = torch.arange(9) % 3
    return {
        "2-D": GaussianMixture.build(
            torch.randn(9, 2, generator=g) * 0.7, stds=0.25, labels=labels
        ),
        "16-D": GaussianMixture.build(
            torch.randn(9, 16, generator=g) * 0.25, stds=0.3, labels=labels
        ),
    }


def tilted(exact: MixtureDenoiser, label: int, scale: float, seed: int) -> Tensor:
    """Draws from the tilted distribution: of the class, each kept as likely as its label is."""
    mixture, size = exact.mixture, exact.mixture.means.shape[1]
    clean = torch.tensor(1e-6, dtype=torch.float64)
    share = mixture.weights[mixture.labels == label].sum()
    found: list[Tensor] = []
    first = 0
    while sum(map(len, found)) < COUNT:
        indices = range(first, first + COUNT)
        first += COUNT
        told = torch.full((COUNT,), label)
        noise = normal(seed, Stream.PRIOR, indices, (size,))
        x = mixture.sample(uniform(seed, Stream.LABEL, indices), noise, label=told)
        alpha, _ = exact.process.schedule.coefficients(clean)
        of_class = exact.log_density(alpha * x, clean, told) - exact.log_density(alpha * x, clean)
        chance = (share * of_class.exp()).clamp_max(1).pow(scale - 1)
        found.append(x[uniform(seed, Stream.TIME, indices) < chance])
    return torch.cat(found)[:COUNT]


def row(exact: MixtureDenoiser, guided: dict[float, Denoiser], plain: bool) -> Iterator[float]:
    """Sliced Wasserstein distances by scale, averaged over the classes."""
    size = exact.mixture.means.shape[1]
    for scale, denoiser in guided.items():
        apart = []
        for label in range(exact.mixture.classes):
            noise = KeyedNoise(1, range(COUNT), dtype=torch.float64)
            cond = {"label": torch.full((COUNT,), label)}
            ends = sample(denoiser, Wiener(), noise, (size,), STEPS, cond)
            apart.append(sliced(ends, tilted(exact, label, 1.0 if plain else scale, 2)))
        yield sum(apart) / len(apart)


def main() -> None:
    """Print a table for each mixture."""
    torch.set_num_threads(1)
    process = Gaussian(Linear())
    for name, mixture in mixtures().items():
        exact = MixtureDenoiser(mixture, process)
        null = mixture.classes
        print(f"\n| {name} | " + " | ".join(f"scale {s:g}" for s in SCALES) + " |")
        print("|---" * (len(SCALES) + 1) + "|")
        rows = {"unguided": {s: Guided(exact, 1.0, null) for s in SCALES}}
        for title, rule in RULES.items():
            if isinstance(rule, Rescaled) and mixture.means.shape[1] < 3:
                continue  # The contrast of two numbers says nothing.
            rows[title] = {s: Guided(exact, s, null, rule=rule) for s in SCALES}
        rows["line, times 0.2 to 0.8"] = {
            s: Guided(exact, s, null, interval=INTERVAL) for s in SCALES
        }
        for title, guided in rows.items():
            _print(title, row(exact, guided, plain=False))
        floor = (
            sum(sliced(tilted(exact, c, s, 3), tilted(exact, c, s, 2)) for c in range(null)) / null
            for s in SCALES
        )
        _print("two sets of exact draws", floor)
        wide = GaussianMixture.build(
            mixture.means, mixture.covariances * 1.5, labels=mixture.labels
        )
        wider = GaussianMixture.build(
            mixture.means, mixture.covariances * 2.5, labels=mixture.labels
        )
        model, worse = MixtureDenoiser(wide, process), MixtureDenoiser(wider, process)
        auto = {s: Autoguided(model, worse, s) for s in SCALES}
        _print("*to the data:* a model too wide", row(exact, dict.fromkeys(SCALES, model), True))
        _print("*to the data:* the same autoguided", row(exact, auto, plain=True))


def _print(title: str, cells: Iterator[float]) -> None:
    print(f"| {title} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
