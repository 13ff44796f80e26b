"""A gap in normal sound, whose posterior is known exactly, through the whole of an edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.settings import AudioSettings, WaveformSpec
from sfumato.media.editing import Wanted
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.moment_matching import Quick
from sfumato.restoration.problem import Problem
from sfumato.sampling import Ancestral

MakeSound = Callable[..., Path]

SAMPLES, COUNT = 200, 128
GAP = slice(80, 104)


def covariance() -> Tensor:
    """Sound of a standard deviation of 0.2 that remembers about 10 samples."""
    place = torch.arange(SAMPLES, dtype=torch.float64)
    return 0.04 * torch.exp(-(place[:, None] - place).abs() / 10)


def test_a_gap_is_filled_by_samples_of_the_exact_posterior(make_sound: MakeSound) -> None:
    prior = covariance()
    generator = torch.Generator().manual_seed(1)
    root = torch.linalg.cholesky(prior)
    x = root @ torch.randn(SAMPLES, dtype=torch.float64, generator=generator)
    path = make_sound("a.wav", x.numpy(), 4000, subtype="FLOAT")
    settings = AudioSettings(
        rate=4000, seconds=0.05, level="keep", representation=WaveformSpec(patch=1)
    )
    medium = AudioMedium(settings)
    task = medium.task(path, medium.plan(path, Wanted(gap=(0.02, 0.026))))
    assert task.canvas == (1, SAMPLES)

    mixture = GaussianMixture.build(torch.zeros(1, SAMPLES, dtype=torch.float64), prior[None])
    denoiser = MixtureDenoiser(mixture, Gaussian(Linear()))
    dense = Covariance.dense(prior)
    sampler = Ancestral()
    problem = Problem(
        denoiser=lambda rows: denoiser,
        observation=task.observation,
        covariance=Covariance(dense.variances[None], (torch.eye(1).double(), *dense.bases)),
        indices=range(COUNT),
        seed=0,
        shape=task.canvas,
        times=sampler.grid.times(40, denoiser.process.schedule, SAMPLES),
        dtype=torch.float64,
    )
    *_, state = Quick().states(problem, sampler, 40)
    made = task.finish(state.x_t)[:, 0].astype(np.float64)

    # What is known has a noise of its own in the plan, which the exact posterior has too.
    known = np.r_[0 : GAP.start, GAP.stop : SAMPLES]
    gap = np.arange(GAP.start, GAP.stop)
    matrix = prior.numpy()
    seen = matrix[np.ix_(known, known)] + task.observation.noise.item() ** 2 * np.eye(len(known))
    gain = np.linalg.solve(seen, matrix[np.ix_(known, gap)]).T
    mean = gain @ x.numpy()[known]
    std = np.sqrt(np.diag(matrix[np.ix_(gap, gap)] - gain @ matrix[np.ix_(known, gap)]))
    assert (made[:, known] == x.numpy().astype(np.float32)[known]).all()
    assert np.abs(made[:, gap].mean(0) - mean).max() < 5 * (std / COUNT**0.5).max()
    assert np.abs(made[:, gap].std(0) / std - 1)[4:-4].max() < 0.2
