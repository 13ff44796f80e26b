"""Labels hidden at random."""

import pytest
import torch

from sfumato.objective import drop_labels

F64 = torch.float64


def test_labels_are_dropped_at_the_rate_and_only_to_null():
    labels, u = torch.arange(1000) % 10, (torch.arange(1000, dtype=F64) + 0.5) / 1000
    dropped = drop_labels(labels, u, rate=0.15, null=10)
    assert (dropped == 10).sum() == 150
    kept = dropped != 10
    assert torch.equal(dropped[kept], labels[kept])


@pytest.mark.parametrize(("rate", "nulls"), [(0.0, 0), (1.0, 100)])
def test_rates_of_none_and_all(rate, nulls):
    u = torch.linspace(0, 1 - 1e-9, 100, dtype=F64)
    assert (drop_labels(torch.zeros(100, dtype=torch.int64), u, rate, 3) == 3).sum() == nulls
