"""Who takes part, and under which noise: a contestant is a function of a problem and a budget."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from problems import BETAS, RANGES, Levelled, Problem
from torch import Tensor

from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, Linear, Schedule, Tabulated
from sfumato.sampling import DPM, Adams, Heun, KeyedNoise, Sampler, UniPC, Wiener, integrate, last

Run = Callable[[Problem, int], Tensor]


@dataclass(frozen=True)
class Contestant:
    """One sampler of one library with one grid.

    Attributes:
        library: Its name, ``sfumato`` for ours.
        name: Of sampler and grid.
        kinds: The kinds of noise it can take.
        run: From a problem and a budget to the ends, shape (B, ...).
    """

    library: str
    name: str
    kinds: Collection[str]
    run: Run


def ours() -> list[Contestant]:
    """Our default, and the families it is compared with on the same grid."""
    others: dict[str, Sampler] = {
        "wiener (default)": Wiener(),
        "adams": Adams(),
        "unipc": UniPC(),
        "dpm": DPM(),
        "heun": Heun(),
    }
    return [Contestant("sfumato", name, RANGES, _ours(it)) for name, it in others.items()]


def _ours(sampler: Sampler) -> Run:
    def run(problem: Problem, budget: int) -> Tensor:
        schedule = schedule_of(problem.kind)
        process = Gaussian(schedule)
        x_1 = process.prior(problem.start)
        size, steps = problem.start[0].numel(), len(sampler.plan(budget))
        times = sampler.grid.times(steps, schedule, size)
        noise = KeyedNoise(0, range(len(x_1)))
        return last(integrate(Levelled(problem, process), sampler, x_1, times, noise, budget))

    return run


def schedule_of(kind: str) -> Schedule:
    """The process of ours that has this kind of noise."""
    made = {"vp": Tabulated(betas=tuple(BETAS.tolist())), "edm": VE(), "flow": Linear()}
    return made[kind]
