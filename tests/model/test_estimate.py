from __future__ import annotations

import numpy as np
import pytest

from sfumato.metrics.interval import mean_interval
from sfumato.model.estimate import Estimate, estimated


def test_a_mean_comes_with_its_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found, interval = estimated(values), mean_interval(values.tolist())
    assert (found.mean, found.low, found.high) == pytest.approx(tuple(interval))


def test_of_one_value_nothing_is_known_but_the_value() -> None:
    assert estimated(np.array([3.5])) == Estimate(3.5, None, None)
