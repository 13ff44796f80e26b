from __future__ import annotations

import numpy as np
import pytest

from sfumato.evaluation.likelihood import Estimate
from sfumato.metrics.interval import mean_interval


def test_a_mean_comes_with_its_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found, interval = Estimate.of(values), mean_interval(values.tolist())
    assert (found.mean, found.low, found.high) == pytest.approx(tuple(interval))


def test_of_one_value_nothing_is_known_but_the_value() -> None:
    assert Estimate.of(np.array([3.5])) == Estimate(3.5, None, None)
