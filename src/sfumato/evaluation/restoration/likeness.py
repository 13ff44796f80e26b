"""How near restorations are to the truth, beside a restoration without a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import Tensor

from sfumato.dsp import analyse
from sfumato.evaluation.likelihood import Estimate
from sfumato.evaluation.of.audio import waveforms
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.restoration.masked import Gap, span
from sfumato.evaluation.restoration.outcome import Outcome, Outcomes
from sfumato.evaluation.result import Figure
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.representation import build
from sfumato.media.audio.settings import LinesSpec
from sfumato.metrics.similarity import (
    SMALLEST,
    log_spectral_distance,
    peak_signal_to_noise,
    structural_similarity,
)

# Encoded images, and waveforms, reach from -1 to 1.
_EXTENT = 2.0
# Of sounds that are modelled as waveforms.
_WINDOW = 256
Measure = Callable[[Tensor, Outcome], Tensor]


def mean_figure(
    key: str,
    title: str,
    values: Sequence[float],
    beside: float | None,
    form: str = ".3f",
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """The mean of one value for each item, with its interval.

    Args:
        key, title: See :class:`Figure`.
        values: One value for each item.
        beside: The reference.
        form: See :class:`Figure`.
        bounds: Limits of what is possible, to which the interval is limited.
    """
    found = Estimate.of(np.asarray(values, np.float64))
    low, high = found.low, found.high
    if bounds is not None and low is not None and high is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    flag = "one item has no interval" if low is None else None
    return Figure(key, title, found.mean, low, high, beside, (len(values),), form, flag)


def stored(view: NumberView, x0: Tensor) -> Tensor:
    """Restored data with the values that a file of the item can have, in the same encoding."""
    medium = view.model.medium
    if medium.dtype != np.uint8:
        return x0
    found: Tensor = medium.examples(view.finished(medium.decode(x0), ())).x0
    return found


def sound_of(view: NumberView, x0: Tensor) -> Tensor:
    """Encoded sounds as waveforms at their own level, shape (B, C, N)."""
    settings = view.model.medium.settings
    return build(settings.representation).decode(x0, settings.samples)


def likeness_of(outcomes: Outcomes, view: NumberView) -> Iterator[Figure]:
    """The likeness of one restoration, and of the mean of all, to the truth."""
    medium, trial = view.model.medium, outcomes.trial
    if isinstance(medium, AudioMedium):
        measure = _spectral(view, outcomes)
        yield from _of_both("lsd", "log-spectral distance, dB", ".2f", measure, outcomes)
        if isinstance(trial, Gap):
            values = [
                measure(trial.repeated(one.values, one.operator), one).item()
                for one in outcomes.each
            ]
            title = "log-spectral distance of repeating what is before, dB"
            yield mean_figure("lsd_repeated", title, values, None, ".2f")
        yield from _of_both("psnr", "PSNR of the waveform, dB", ".2f", _waves(view), outcomes)
        return
    yield from _of_both(
        "psnr", "PSNR, dB", ".2f", lambda x0, one: peak_signal_to_noise(x0, one.truth, _EXTENT),
        outcomes,
    )  # fmt: skip
    sides = medium.signal_shape[1:]
    if len(sides) == 2 and min(sides) >= SMALLEST:
        yield from _of_both(
            "ssim", "SSIM", ".3f", lambda x0, one: structural_similarity(x0, one.truth, _EXTENT),
            outcomes,
        )  # fmt: skip


def _of_both(
    key: str, title: str, form: str, measure: Measure, outcomes: Outcomes
) -> Iterator[Figure]:
    """The figures of single restorations and of their mean, beside the plain restoration."""
    trial, each = outcomes.trial, outcomes.each
    plain = [measure(trial.plain(one.values, one.operator), one).mean().item() for one in each]
    beside = sum(plain) / len(plain)
    single = [measure(one.samples, one).mean().item() for one in each]
    mean = [measure(one.mean, one).mean().item() for one in each]
    yield mean_figure(f"{key}_one", f"{title}, one sample", single, beside, form)
    title = f"{title}, mean of {outcomes.samples}"
    yield mean_figure(f"{key}_mean", title, mean, beside, form)


def _waves(view: NumberView) -> Measure:
    def measure(x0: Tensor, one: Outcome) -> Tensor:
        return peak_signal_to_noise(sound_of(view, x0), waveforms(one.item), _EXTENT)

    return measure


def _spectral(view: NumberView, outcomes: Outcomes) -> Measure:
    """The log-spectral distance in the frames and bins that are not known."""
    spec = view.model.medium.settings.representation
    window = spec.window if isinstance(spec, LinesSpec) else _WINDOW

    def measure(x0: Tensor, one: Outcome) -> Tensor:
        bins, frames = _region(outcomes.trial.unknown(one.operator), window, one.filled)
        sounds = (sound_of(view, x0), waveforms(one.item))
        ours, theirs = (analyse(sound, window).abs().square() for sound in sounds)
        return log_spectral_distance(ours[..., bins, frames], theirs[..., bins, frames])

    return measure


def _region(unknown: Tensor, window: int, filled: float) -> tuple[slice, slice]:
    """The bins and the frames, up to the end of the sound, in which anything is unknown.

    Args:
        unknown: Bool, shape (C, bins, frames) or (C, samples).
        window: Samples of a frame.
        filled: The share of the extent that the sound fills.
    """
    start, stop = span(unknown)
    stop = max(start + 1, min(stop, math.ceil(filled * unknown.shape[-1])))
    if unknown.ndim == 3:
        return slice(*span(unknown.mT)), slice(start, stop)
    hop = window // 2
    return slice(0, hop), slice(start // hop, -(-stop // hop) + 1)
