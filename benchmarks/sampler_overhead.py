"""What a step costs without the network, beside diffusers' multistep scheduler.

    python benchmarks/sampler_overhead.py

Medians of interleaved runs of 20 steps on one thread; prints Markdown. Half a minute.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.engine.machine import keep_freed_memory
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.sampling import DDIM, DPM, KeyedNoise, Sampler, UniPC, Wiener, integrate, last

STEPS, RUNS = 20, 9
SHAPES = ((16, 3, 32, 32), (16, 3, 256, 256))
OURS: dict[str, Sampler] = {
    "wiener (default)": Wiener(),
    "unipc": UniPC(),
    "dpm": DPM(),
    "ddim": DDIM(),
}


class Free(Denoiser):
    """A denoiser that costs nothing."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__(Gaussian(Linear()))
        self.mean = mean

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """Always the same."""
        return Posterior(self.mean)


def theirs(x: Tensor, mean: Tensor) -> float:
    """Microseconds of a step of diffusers."""
    made = DPMSolverMultistepScheduler()
    made.set_timesteps(STEPS)
    begun = time.perf_counter()
    for t in made.timesteps:
        x = made.step(mean, t, x).prev_sample
    return (time.perf_counter() - begun) / STEPS * 1e6


def ours(sampler: Sampler, x: Tensor, mean: Tensor) -> float:
    """Microseconds of a step of ours."""
    times = sampler.grid.times(STEPS, Linear(), x[0].numel())
    begun = time.perf_counter()
    last(integrate(Free(mean), sampler, x, times, KeyedNoise(0, range(len(x))), STEPS))
    return (time.perf_counter() - begun) / STEPS * 1e6


def main() -> None:
    """Print one table."""
    torch.set_num_threads(1)
    keep_freed_memory()  # For both, as runs do: else most of the time goes to the system's pages.
    print("| microseconds a step (ratio) | " + " | ".join(str(s) for s in SHAPES) + " |")
    print("|---" * (len(SHAPES) + 1) + "|")
    found: dict[str, list[str]] = {"diffusers DPMSolverMultistep": [], **{n: [] for n in OURS}}
    for shape in SHAPES:
        x, mean = torch.randn(shape), torch.randn(shape)
        runs = [
            (theirs(x, mean), {name: ours(it, x, mean) for name, it in OURS.items()})
            for _ in range(RUNS)
        ]
        base = statistics.median(run[0] for run in runs)
        found["diffusers DPMSolverMultistep"].append(f"{base:,.0f}")
        for name in OURS:
            mine = statistics.median(run[1][name] for run in runs)
            found[name].append(f"{mine:,.0f} ({mine / base:.2f})")
    for name, cells in found.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
