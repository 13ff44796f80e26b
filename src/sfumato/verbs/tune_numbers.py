"""Fitting a sampler to a run on pictures or sounds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sfumato.model.numbers import GaussianModel
from sfumato.runs.measuring import Measuring
from sfumato.runs.tuned import Events, KeptForSignals, keep_if_better
from sfumato.sampling import DDIM, DPM, Adams, Heun, KeyedNoise, Sampler, UniPC, Wiener, sample
from sfumato.sampling.tuning import Examples, fit

UNTUNED: Mapping[str, Sampler] = MappingProxyType(
    {
        "wiener": Wiener(),
        "adams": Adams(),
        "unipc": UniPC(),
        "dpm": DPM(),
        "heun": Heun(),
        "ddim": DDIM(),
    }
)
"""What a fitted sampler has to beat: the deterministic families on the default grid."""
# With so many times the evaluations, the path's end is taken for known.
_TEACHER = 8
_LEAST = 64


def tune(
    model: GaussianModel[Any],
    steps: int,
    scale: float | None,
    examples: int,
    rounds: int,
    seed: int,
) -> Events:
    """Fit, compare on noise that the fit has not seen, and keep what is better.

    Args:
        model: Of the run.
        steps: Evaluations to fit for.
        scale: Guidance; None = the recipe's.
        examples: Samples to fit to, and as many to compare on.
        rounds: Of the fit, at most.
        seed: Of the noise.

    Raises:
        SettingError: A value is out of range.
    """
    asked = model.request(2 * examples, seed=seed, scale=scale, steps=steps)
    scale = asked.scale
    denoiser = model.guided(model.denoiser, scale, model.tile, 0)
    shape = model.medium.signal_shape

    def ends_of(indices: range) -> Examples:
        noise = KeyedNoise(seed, indices, model.device)
        cond = model.conditions(asked, indices)
        many = max(_LEAST, _TEACHER * steps)
        ends = sample(denoiser, Wiener(), noise, shape, many, cond)
        return Examples(noise, shape, cond, ends)

    yield Measuring("where the noise leads", 0, rounds)
    taught, unseen = ends_of(range(examples)), ends_of(range(examples, 2 * examples))
    fitted = None
    for fitted in fit(denoiser, Wiener(), taught, steps, rounds):
        yield Measuring(f"error {fitted.error:.4f}", fitted.number, rounds)
    if fitted is None:
        raise RuntimeError("the fit gave nothing")
    yield Measuring("comparing on other noise", rounds, rounds)
    found = {name: unseen.error(denoiser, it, steps) for name, it in UNTUNED.items()}
    best = min(found, key=found.__getitem__)
    kept = KeptForSignals(
        model=model.fingerprint,
        steps=steps,
        scale=scale,
        sampler=fitted.sampler,
        measure="root-mean-square error of the endpoints",
        error=unseen.error(denoiser, fitted.sampler, steps),
        untuned=best,
        untuned_error=found[best],
    )
    yield keep_if_better(model.directory, kept)
