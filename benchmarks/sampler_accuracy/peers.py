"""The libraries beside us, each through its public interface, as far as it is installed.

Every sampler starts from the same noise, sees the same posterior means, may ask for as many as its
budget allows, and works on float32 states. Samplers that add noise have no endpoint to miss and are
left out.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from contest import Contestant, Run
from problems import KEPT, Problem
from torch import Tensor, nn

NOISY = ("vp", "edm")


def peers() -> list[Contestant]:
    """All contestants of the libraries that are installed; the others are named."""
    families = {
        "diffusers": diffusers,
        "k_diffusion": k_diffusion,
        "azula": azula,
        "smalldiffusion": smalldiffusion,
        "flow_matching": flow_matching,
    }
    found: list[Contestant] = []
    for module, family in families.items():
        if importlib.util.find_spec(module) is None:
            print(f"{module} is not installed and takes no part", file=sys.stderr)
        else:
            found.extend(family())
    return found


# diffusers -----------------------------------------------------------------------------------


def diffusers() -> Iterator[Contestant]:
    """Its schedulers, as shipped and with the grids they offer."""
    import diffusers as d

    def add(name: str, kind: str, run: Run) -> Contestant:
        return Contestant("diffusers", name, (kind,), run)

    beta = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    grids: dict[str, dict[str, Any]] = {
        "linspace": {},
        "karras": {"use_karras_sigmas": True},
        "exponential": {"use_exponential_sigmas": True},
    }
    ddim = {**beta, "timestep_spacing": "trailing", "clip_sample": False}
    yield add("DDIM, trailing", "vp", _preserving(d.DDIMScheduler, ddim))
    for grid, chosen in grids.items():
        for order in (2, 3):
            for title, scheduler in (
                ("DPM++M", d.DPMSolverMultistepScheduler),
                ("UniPC", d.UniPCMultistepScheduler),
                ("DEIS", d.DEISMultistepScheduler),
            ):
                settings = {**beta, **chosen, "solver_order": order}
                name = f"{title} order {order}, {grid}"
                yield add(name, "vp", _preserving(scheduler, settings))
        yield add(
            f"SA-Solver tau 0, {grid}",
            "vp",
            _preserving(d.SASolverScheduler, {**beta, **chosen, "tau_func": lambda _: 0}),
        )
        yield add(f"LMS, {grid}", "vp", _exploding(d.LMSDiscreteScheduler, {**beta, **chosen}))
    for order in (2, 3):
        settings = {"solver_order": order}
        scheduler = d.EDMDPMSolverMultistepScheduler
        yield add(f"EDM DPM++M order {order}", "edm", _karras(scheduler, settings))
        for title, scheduler in (
            ("DPM++M", d.DPMSolverMultistepScheduler),
            ("UniPC", d.UniPCMultistepScheduler),
        ):
            for shift in (1.0, 3.0):
                settings = {
                    "use_flow_sigmas": True,
                    "prediction_type": "flow_prediction",
                    "solver_order": order,
                    "flow_shift": shift,
                }
                name = f"{title} flow order {order}, shift {shift:g}"
                yield add(name, "flow", _straight(scheduler, settings))
    yield add("EDM Euler", "edm", _karras(d.EDMEulerScheduler, {}))
    yield add("Flow Euler", "flow", _straight(d.FlowMatchEulerDiscreteScheduler, {}))


def _preserving(scheduler: type, settings: dict[str, Any]) -> Run:
    """A scheduler whose states are ``alpha x0 + sigma eps`` and whose network tells the noise."""

    def run(problem: Problem, budget: int) -> Tensor:
        made = scheduler(**settings)
        made.set_timesteps(budget)
        x = problem.start * math.sqrt(1 - KEPT[-1])
        levels = getattr(made, "sigmas", None)
        for k, t in enumerate(made.timesteps):
            if levels is not None and len(levels) == len(made.timesteps) + 1:
                sigma = levels[k].item()
                alpha = 1 / math.hypot(1, sigma)
                sigma = sigma * alpha
            else:
                alpha, sigma = math.sqrt(KEPT[int(t)]), math.sqrt(1 - KEPT[int(t)])
            x = made.step(problem.eps_of(x, alpha, sigma), t, x).prev_sample
        return x

    return run


def _exploding(scheduler: type, settings: dict[str, Any]) -> Run:
    """A scheduler whose states are ``x0 + sigma eps`` and whose network tells the noise."""

    def run(problem: Problem, budget: int) -> Tensor:
        made = scheduler(**settings)
        made.set_timesteps(budget)
        x = problem.start * problem.high
        for k, t in enumerate(made.timesteps):
            made.scale_model_input(x, t)
            x = made.step(problem.eps_of(x, 1.0, made.sigmas[k].item()), t, x).prev_sample
        return x

    return run


def _karras(scheduler: type, settings: dict[str, Any]) -> Run:
    """A scheduler of EDM, whose network is the one inside EDM's preconditioning."""

    def run(problem: Problem, budget: int) -> Tensor:
        made = scheduler(sigma_min=problem.low, sigma_max=problem.high, sigma_data=1.0, **settings)
        made.set_timesteps(budget)
        x = problem.start * problem.high
        for k, t in enumerate(made.timesteps):
            made.scale_model_input(x, t)
            sigma = made.sigmas[k].item()
            whole = 1 + sigma**2
            raw = (problem.mean(x, sigma) - x / whole) * (math.sqrt(whole) / sigma)
            x = made.step(raw, t, x).prev_sample
        return x

    return run


def _straight(scheduler: type, settings: dict[str, Any]) -> Run:
    """A scheduler of the straight path, whose network tells the velocity."""

    def run(problem: Problem, budget: int) -> Tensor:
        made = scheduler(**settings)
        made.set_timesteps(budget)
        x = problem.start.clone()
        for k, t in enumerate(made.timesteps):
            x = made.step(problem.velocity_of(x, made.sigmas[k].item()), t, x).prev_sample
        return x

    return run


# k-diffusion ---------------------------------------------------------------------------------


def k_diffusion() -> Iterator[Contestant]:
    """Its deterministic samplers on its two grids."""
    sampling = _alone("k_diffusion", "sampling", _k_utils())
    grids = {
        "karras": sampling.get_sigmas_karras,
        "exponential": sampling.get_sigmas_exponential,
    }

    def on(sample: Callable[..., Tensor], a_step: int, grid: Callable[..., Tensor]) -> Run:
        def run(problem: Problem, budget: int) -> Tensor:
            steps = budget if a_step == 1 else max(2, (budget + 1) // 2)
            sigmas = grid(steps, problem.low, problem.high)
            return sample(_asked(problem), problem.start * problem.high, sigmas, disable=True)

        return run

    def fast(problem: Problem, budget: int) -> Tensor:
        x = problem.start * problem.high
        made: Tensor = sampling.sample_dpm_fast(
            _asked(problem), x, problem.low, problem.high, budget, disable=True
        )
        return made

    for grid, sigmas in grids.items():
        for name, a_step in (("euler", 1), ("heun", 2), ("dpm_2", 2), ("lms", 1), ("dpmpp_2m", 1)):
            run = on(getattr(sampling, f"sample_{name}"), a_step, sigmas)
            yield Contestant("k-diffusion", f"{name}, {grid}", NOISY, run)
    yield Contestant("k-diffusion", "dpm_fast", NOISY, fast)


def _asked(problem: Problem) -> Callable[..., Tensor]:
    def model(x: Tensor, sigma: Tensor, **_: Any) -> Tensor:
        return problem.mean(x, sigma.flatten()[0].item())

    return model


def _k_utils() -> types.ModuleType:
    """The one helper its samplers need: its package would ask for torchvision and wandb."""
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
    return utils


def _alone(package: str, module: str, *parts: types.ModuleType) -> Any:
    """A module of a package without what the package itself imports."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    hollow = types.ModuleType(package)
    hollow.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = hollow
    for part in parts:
        sys.modules[part.__name__] = part
        setattr(hollow, part.__name__.split(".")[-1], part)
    return importlib.import_module(f"{package}.{module}")


# azula ---------------------------------------------------------------------------------------


def azula() -> Iterator[Contestant]:
    """Its deterministic samplers on its log-linear, EDM's, and the straight schedule."""
    from azula import denoise, noise, sample

    class Karras(noise.Schedule):  # type: ignore[misc]
        def __init__(self, low: float, high: float) -> None:
            self.low, self.high = low ** (1 / 7), high ** (1 / 7)

        def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
            return torch.ones_like(t), (self.low + t * (self.high - self.low)) ** 7

    class Exact(denoise.Denoiser):  # type: ignore[misc]
        def __init__(self, problem: Problem, schedule: Any) -> None:
            super().__init__()
            self.problem, self.schedule = problem, schedule

        def forward(self, x_t: Tensor, t: Tensor, **_: Any) -> Any:
            alpha, sigma = (part.item() for part in self.schedule(t.double()))
            return denoise.DiracPosterior(mean=self.problem.mean_of(x_t, alpha, sigma))

    schedules: dict[str, tuple[tuple[str, ...], Callable[[Problem], Any]]] = {
        "log-linear": (NOISY, lambda p: noise.VESchedule(p.low, p.high)),
        "karras": (NOISY, lambda p: Karras(p.low, p.high)),
        "straight": (("flow",), lambda _: noise.RectifiedSchedule()),
    }

    def on(sampler: Any, a_step: int, order: int | None, schedule: Callable[..., Any]) -> Run:
        def run(problem: Problem, budget: int) -> Tensor:
            path = schedule(problem)
            _, sigma = path(torch.ones((), dtype=torch.float64))
            extra = {} if order is None else {"order": order}
            steps = max(1, budget // a_step)
            made = sampler(
                Exact(problem, path), steps=steps, silent=True, dtype=torch.float64, **extra
            )
            ends: Tensor = made((problem.start * sigma.item()).float())
            alpha, _ = path(torch.zeros((), dtype=torch.float64))
            return ends / alpha.item()

        return run

    for title, (kinds, schedule) in schedules.items():
        for name, sampler, a_step, order in (
            ("DDIM", sample.DDIMSampler, 1, None),
            ("Heun", sample.HeunSampler, 2, None),
            ("zAB", sample.zABSampler, 1, 3),
            ("vAB", sample.vABSampler, 1, 2),
            ("xEAB", sample.xEABSampler, 1, 2),
            ("xEAB", sample.xEABSampler, 1, 3),
            ("REAB", sample.REABSampler, 1, 3),
        ):
            label = f"{name}{order or ''}, {title}"
            yield Contestant("azula", label, kinds, on(sampler, a_step, order, schedule))


# smalldiffusion ------------------------------------------------------------------------------


def smalldiffusion() -> Iterator[Contestant]:
    """Its one sampler, plain and with the extrapolation it recommends."""
    diffusion = _alone("smalldiffusion", "diffusion")

    class Exact(nn.Module):
        def __init__(self, problem: Problem) -> None:
            super().__init__()
            self.problem = problem

        def predict_eps_cfg(self, x: Tensor, sigma: Tensor, *_: Any) -> Tensor:
            return self.problem.eps_of(x, 1.0, sigma.item())

        def rand_input(self, count: int) -> Tensor:  # Times 0: these samplers add no noise.
            return torch.zeros(count, *self.problem.start.shape[1:])

    def on(extrapolation: float) -> Run:
        def run(problem: Problem, budget: int) -> Tensor:
            path = diffusion.ScheduleLogLinear(1000, problem.low, problem.high)
            x_1 = problem.start * problem.high
            model, sigmas = Exact(problem), path.sample_sigmas(budget)
            states = diffusion.samples(model, sigmas, gam=extrapolation, batchsize=len(x_1), xt=x_1)
            *_, ends = states
            return ends

        return run

    for gam in (1.0, 2.0):
        yield Contestant("smalldiffusion", f"gam {gam:g}", NOISY, on(gam))


# flow_matching -------------------------------------------------------------------------------


def flow_matching() -> Iterator[Contestant]:
    """The fixed-step methods of its ODE solver."""
    from flow_matching.solver import ODESolver

    def on(method: str, a_step: int) -> Run:
        def run(problem: Problem, budget: int) -> Tensor:
            def velocity(x: Tensor, t: Tensor, **_: Any) -> Tensor:
                # Its time runs from noise to data.
                return -problem.velocity_of(x, 1 - float(np.clip(t.item(), 0, 1 - 1e-6)))

            solver = ODESolver(velocity_model=velocity)
            made: Tensor = solver.sample(
                x_init=problem.start,
                step_size=1 / max(1, budget // a_step),
                method=method,
                time_grid=torch.tensor([0.0, 1.0]),
            )
            return made

        return run

    for method, a_step in (("euler", 1), ("midpoint", 2), ("heun3", 3), ("rk4", 4)):
        yield Contestant("flow_matching", method, ("flow",), on(method, a_step))
