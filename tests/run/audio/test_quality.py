"""Quality of sets of sounds whose quality is known: copies, noise, and the real ones themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sfumato.metrics.audio_embedding import LogMel
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.run.audio.data import AudioData
from sfumato.run.audio.quality import Quality, Real, quality_of
from sfumato.run.data import reopen
from sfumato.run.run import open_run

RATE, SAMPLES, PITCHES = 4_000, 1_000, (250, 600, 1_400)


def tones(count: int, seed: int) -> tuple[NDArray[np.int16], torch.Tensor]:
    """Dying tones of three pitches in turn, each a little out of tune, and their classes."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    time = np.arange(SAMPLES) / RATE
    waves = [
        np.sin(2 * np.pi * (PITCHES[label] * draw.uniform(0.9, 1.1) * time + draw.uniform()))
        * np.exp(-draw.uniform(4, 20) * time)
        + draw.normal(0, 0.02, SAMPLES)
        for label in labels
    ]
    return (np.stack(waves)[:, None] * 20_000).astype(np.int16), torch.from_numpy(labels)


def a_set(groups: int | None = None) -> Real:
    known, known_labels = tones(30, 0)
    unseen, unseen_labels = tones(12, 1)
    names = tuple(str(number if groups is None else number % groups) for number in range(42))
    return Real(known, unseen, known_labels, unseen_labels, names, RATE)


def floats(clips: NDArray[np.int16]) -> torch.Tensor:
    return torch.from_numpy(clips.astype(np.float32)) / 32768


def measured(samples: torch.Tensor, labels: torch.Tensor | None, real: Real) -> Quality:
    return quality_of(samples, labels, real, [LogMel()])


class TestCopies:
    @pytest.fixture
    def found(self) -> Quality:
        real = a_set()
        assert real.training_labels is not None
        return measured(floats(real.training), real.training_labels, real)

    def test_are_all_found(self, found: Quality) -> None:
        assert found.copies.share == 1
        assert found.copies.median == pytest.approx(1, abs=1e-4)
        assert found.copies.n == 30
        assert found.nearest.indices.tolist() == list(range(30))
        assert found.real_copies is not None
        assert found.real_copies.n == 12
        assert found.real_copies.share < 0.5
        assert found.real_copies.median < 0.95

    def test_are_no_distance_from_training(self, found: Quality) -> None:
        (distances,) = found.distances
        assert distances.n == (30, 12, 30)
        # Unbiased, and every item is in both: below 0 by what chance would have made of it.
        assert distances.training.value <= 0
        assert distances.training.low < 0
        assert distances.held_out is not None
        assert distances.real is not None
        assert distances.held_out.value == pytest.approx(distances.real.value)

    def test_are_of_their_class(self, found: Quality) -> None:
        assert found.classes is not None
        assert found.classes.samples > 0.95
        assert found.classes.real > 0.9

    def test_are_as_loud_as_the_real_ones(self, found: Quality) -> None:
        assert found.levels.rms == pytest.approx(found.real_levels.rms, abs=2)
        assert (found.levels.count, found.real_levels.count) == (30, 42)


class TestNoise:
    @pytest.fixture
    def found(self) -> Quality:
        noise = torch.randn(30, 1, SAMPLES, generator=torch.Generator().manual_seed(0)) / 8
        return measured(noise, torch.arange(30) % 3, a_set())

    def test_is_far_from_all_that_is_real(self, found: Quality) -> None:
        (distances,) = found.distances
        assert distances.held_out is not None
        assert distances.real is not None
        assert distances.halves_95 is not None
        assert distances.training.low > 5 * max(distances.halves_95, 0)
        assert distances.held_out.low > distances.real.high

    def test_is_of_no_class_and_no_copy(self, found: Quality) -> None:
        assert found.classes is not None
        assert found.classes.samples <= 0.5
        assert found.copies.share == 0
        assert found.real_copies is not None
        assert found.copies.median < found.real_copies.median


class TestHalves:
    def test_divide_no_group(self) -> None:
        """Of two groups every division is the same one."""
        real = a_set(groups=2)
        (found,) = measured(floats(real.training), None, real).distances
        features = LogMel()(floats(np.concatenate([real.training, real.held_out])), RATE)
        kernel = GaussianKernel.of(LogMel()(floats(real.training), RATE))
        expected = 100 * kernel_distance(features[0::2], features[1::2], kernel).value
        assert found.halves == pytest.approx(expected)
        assert found.halves_95 == pytest.approx(expected)

    def test_of_one_group_there_are_none(self) -> None:
        real = a_set(groups=1)
        (found,) = measured(floats(real.training), None, real).distances
        assert (found.halves, found.halves_95) == (None, None)

    def test_are_near_for_sounds_of_one_kind(self) -> None:
        (found,) = measured(floats(a_set().training), None, a_set()).distances
        assert found.halves is not None
        assert found.halves_95 is not None
        assert abs(found.halves) < found.halves_95 < 5


def test_it_is_a_function_of_the_seed() -> None:
    real, samples = a_set(), floats(tones(9, 5)[0])
    first, again, other = (quality_of(samples, None, real, [LogMel()], seed) for seed in (0, 0, 1))
    for name in ("distances", "classes", "levels", "real_levels", "copies", "real_copies"):
        assert getattr(first, name) == getattr(again, name)
    assert first.distances[0].halves != other.distances[0].halves
    assert first.distances[0].training == other.distances[0].training


def test_every_embedding_has_its_distances() -> None:
    class Loudness:
        name = "loudness"
        dimension = 1

        def __call__(self, clips: torch.Tensor, rate: int) -> torch.Tensor:
            return clips.square().mean((1, 2))[:, None].sqrt()

    real = a_set()
    found = quality_of(floats(real.training), None, real, [LogMel(), Loudness()])
    assert [one.embedding for one in found.distances] == ["log-mel", "loudness"]


class TestWithLess:
    def test_nothing_is_held_out(self) -> None:
        full = a_set()
        real = replace(
            full, held_out=full.held_out[:0], held_out_labels=torch.empty(0, dtype=torch.int64),
            groups=full.groups[:30],
        )  # fmt: skip
        found = measured(floats(tones(6, 3)[0]), torch.arange(6) % 3, real)
        assert found.classes is None
        assert found.real_copies is None
        (distances,) = found.distances
        assert (distances.held_out, distances.real, distances.n) == (None, None, (6, 0, 30))
        assert distances.halves is not None

    def test_two_held_out_sounds_are_too_few_for_a_distance(self) -> None:
        full = a_set()
        assert full.held_out_labels is not None
        real = replace(
            full, held_out=full.held_out[:2], held_out_labels=full.held_out_labels[:2],
            groups=full.groups[:32],
        )  # fmt: skip
        found = measured(floats(tones(6, 3)[0]), torch.arange(6) % 3, real)
        assert found.distances[0].held_out is None
        assert found.real_copies is not None
        assert found.classes is not None

    def test_one_class_is_left_in_training(self) -> None:
        """The other is held out as a whole, and a judge has nothing to tell apart."""
        real = replace(a_set(), training_labels=torch.zeros(30, dtype=torch.int64))
        assert measured(floats(tones(6, 3)[0]), torch.arange(6) % 3, real).classes is None

    def test_without_classes(self) -> None:
        real = replace(a_set(), training_labels=None, held_out_labels=None)
        assert measured(floats(tones(6, 3)[0]), None, real).classes is None


def test_the_real_sounds_of_a_run(finished_sounds: Path) -> None:
    run = open_run(finished_sounds / "tones")
    *_, data = reopen(run.directory, run.spec.data, run.spec.recipe)
    assert isinstance(data, AudioData)
    real = Real.of(data)
    assert (len(real.training), len(real.held_out)) == (len(data.training), len(data.held_out))
    assert len(real.groups) == 12 == len(set(real.groups))
    names = [data.dataset.items[number].name for number in [*data.training, *data.held_out]]
    assert list(real.groups) == names
    assert real.training_labels is not None
    assert real.rate == RATE
