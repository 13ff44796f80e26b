"""Weighted components and their classes."""

import math

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import components

WEIGHTS = torch.tensor([0.1, 0.2, 0.0, 0.7], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 0])


def test_a_label_leaves_its_class_and_the_null_label_everything():
    rows = components.log_weights(WEIGHTS, LABELS, torch.tensor([0, 1, 3])).exp()
    want = [[0.125, 0, 0, 0.875], [0, 1, 0, 0], [0.1, 0.2, 0, 0.7]]
    torch.testing.assert_close(rows, torch.tensor(want, dtype=torch.float64))
    assert torch.equal(components.log_weights(WEIGHTS, LABELS, None).exp(), rows[2:])


def test_weights_near_the_end_of_the_numbers_keep_their_proportions():
    tiny = torch.tensor([1.0, 3e-300, 1e-300], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1])
    (row,) = components.log_weights(tiny, labels, torch.tensor([1])).exp().tolist()
    assert row == [0, pytest.approx(0.75), pytest.approx(0.25)]


@pytest.mark.parametrize("label", [-1, 2, 4])
def test_a_label_without_weight_is_refused(label):
    with pytest.raises(SettingError, match=f"Label {label}"):
        components.log_weights(WEIGHTS, LABELS, torch.tensor([0, label]))


def test_uniforms_choose_by_weight_and_never_what_has_none():
    u = (torch.arange(1000) + 0.5) / 1000
    whole = components.choose(components.log_weights(WEIGHTS, LABELS, None), u)
    assert whole.bincount(minlength=4).tolist() == [100, 200, 0, 700]
    log_weights = torch.tensor([[0.0, -math.inf], [-math.inf, 0.0]], dtype=torch.float64)
    assert components.choose(log_weights, torch.tensor([0.999, 0.0])).tolist() == [0, 1]
