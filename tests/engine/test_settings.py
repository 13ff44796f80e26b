from __future__ import annotations

import pytest

from sfumato.engine.settings import LearningRate


def test_the_three_parts() -> None:
    rate = LearningRate(warmup=100, decay=None, cooldown=0.2)
    assert rate.factor(0, 0.0) == 0.0
    assert rate.factor(25, 0.0) == 0.25
    assert rate.factor(100, 0.1) == 1.0
    assert rate.factor(10**6, 0.8) == pytest.approx(1.0)
    assert rate.factor(10**6, 0.9) == pytest.approx(0.5)
    assert rate.factor(10**6, 1.0) == 0.0


def test_each_part_can_be_left_out() -> None:
    rate = LearningRate(warmup=0, decay=None, cooldown=0.0)
    assert {rate.factor(n, p) for n in (0, 1, 10**9) for p in (0.0, 0.5, 1.0)} == {1.0}


def test_the_decay_halves_when_the_samples_quadruple() -> None:
    rate = LearningRate(warmup=0, decay=1000, cooldown=0.0)
    assert rate.factor(1000, 0.5) == 1.0
    assert rate.factor(4000, 0.5) == pytest.approx(0.5)
    assert rate.factor(64_000, 0.5) == pytest.approx(0.125)


def test_it_never_leaves_the_unit_interval() -> None:
    rate = LearningRate(warmup=10, decay=50, cooldown=0.5)
    factors = [rate.factor(n, n / 200) for n in range(201)]
    assert min(factors) == 0.0
    assert max(factors) <= 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
