"""The figures of a trial whose posterior is known: normal data of which a half is cut out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.evaluation.restoration.figures import Reference, sections_of
from sfumato.evaluation.restoration.masked import Gap
from sfumato.evaluation.restoration.outcome import Outcome, Outcomes
from sfumato.evaluation.result import Figure, Section, summary
from sfumato.model.provenance import Fit
from sfumato.restoration import Observation
from tests.evaluation.reports import report

SIZE, ITEMS, SAMPLES = 16, 200, 8
MEDIUM: Any = SimpleNamespace(
    signal_shape=(1, SIZE), plural="rows", dtype=np.dtype(np.float32), decode=lambda x0: x0.numpy()
)


def covariance() -> Tensor:
    """Neighbours resemble each other, as in pictures."""
    places = torch.arange(SIZE, dtype=torch.float64)
    return torch.exp(-(places - places[:, None]).abs() / 8)


def conditional(noise: float, known: Tensor) -> tuple[Tensor, Tensor]:
    """The map from an observation to the posterior mean, and a square root of the covariance."""
    prior = covariance()
    a = torch.eye(SIZE, dtype=torch.float64)[known]
    gain = prior @ a.T @ torch.linalg.inv(a @ prior @ a.T + noise**2 * torch.eye(len(a)))
    left = prior - gain @ a @ prior
    return gain, torch.linalg.cholesky(left + 1e-12 * torch.eye(SIZE))


def outcomes(width: float) -> Outcomes:
    """Restorations that spread around the posterior mean ``width`` times as much as exact ones."""
    trial = Gap(MEDIUM)
    trial.known = lambda filled: (torch.arange(SIZE) < 4) | (torch.arange(SIZE) >= 12)  # type: ignore[method-assign]
    operator = trial.operator(1.0)
    known = ~trial.unknown(operator)[0]
    root = torch.linalg.cholesky(covariance())
    gain, spread = conditional(trial.noise, known)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    each = []
    for place in range(ITEMS):
        truth = (root @ normal(SIZE)).float().reshape(1, 1, SIZE)
        clean = operator.forward(truth)
        values = clean + trial.noise * normal(*clean.shape).float()
        samples = gain @ values[0].double() + width * normal(SAMPLES, SIZE) @ spread.T
        x0 = samples.float().reshape(SAMPLES, 1, SIZE)
        observation = Observation(operator, values, torch.tensor(trial.noise))
        fits = tuple(Fit(residual, 3.0) for residual in observation.misfit(x0).tolist())
        misfit = observation.misfit(truth).item()
        each.append(
            Outcome(place, truth.numpy(), 1.0, truth, x0, operator, values, fits, misfit, 0.5)
        )
    return Outcomes(trial, tuple(each))


@cache
def sections(width: float) -> tuple[Section, ...]:
    view: Any = SimpleNamespace(model=SimpleNamespace(medium=MEDIUM), finished=lambda x, _: x)
    return tuple(sections_of(outcomes(width), view, Reference((), (), (), ""), 0))


def figures(width: float) -> dict[str, Figure]:
    return {figure.key: figure for section in sections(width) for figure in section.figures}


def test_there_are_two_sections_beside_a_reference() -> None:
    found = sections(1.0)
    assert [section.key for section in found] == ["restore/gap", "restore/gap/calibration"]
    assert all(section.beside == "reference" for section in found)


@pytest.mark.parametrize(
    ("width", "words"),
    [(1.0, "no sign"), (0.4, "too sure"), (1.35, "more varied than"), (40.0, "contradict")],
)
def test_the_summary_says_how_sure_restorations_are(width: float, words: str) -> None:
    (sentence,) = summary(replace(report(), sections=sections(width)))
    assert sentence.startswith("gap: ")
    assert words in sentence


def contains(figure: Figure, value: float | None) -> bool:
    """Whether a value is in an interval that is twice as wide as that of 95 %."""
    assert figure.value is not None
    assert figure.low is not None
    assert value is not None
    return abs(figure.value - value) <= 2 * (figure.value - figure.low)


def test_exact_samples_have_nominal_figures() -> None:
    found = figures(1.0)
    for kind in ("functionals", "values"):
        for level in (50, 90):
            coverage = found[f"{kind}_coverage_{level}"]
            assert contains(coverage, coverage.real)
        assert contains(found[f"{kind}_spread"], 1.0)
        p = found[f"{kind}_p"].value
        assert p is not None
        assert p > 0.05
    assert contains(found["residual"], 1.0)
    assert found["residual"].real == pytest.approx(1, abs=0.1)
    assert found["effective"].value == 3.0
    assert found["seconds"].value == 0.5


def test_samples_that_are_too_sure_are_not() -> None:
    found = figures(0.4)
    for kind in ("functionals", "values"):
        coverage, p = found[f"{kind}_coverage_90"], found[f"{kind}_p"]
        assert coverage.high is not None
        assert coverage.real is not None
        assert coverage.high < coverage.real
        assert p.value == 0.001


def test_likeness_follows_from_the_posterior_variance() -> None:
    """With the posterior mean the error is the posterior variance, with a sample twice as large.

    With the mean of 8 it is 9/8 as large. For a Markov process a line between the ends of the gap
    is nearly the posterior mean.
    """
    found = figures(1.0)
    one, mean, plain = found["psnr_one"].value, found["psnr_mean"].value, found["psnr_one"].real
    assert one is not None
    assert mean is not None
    assert plain is not None
    assert abs(mean - one - 10 * np.log10(2 / (9 / 8))) < 0.4
    assert abs(plain - mean - 10 * np.log10(9 / 8)) < 0.4
