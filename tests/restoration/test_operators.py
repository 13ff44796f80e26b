"""Sequences of operators, and what reads operators from specs."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.errors import SettingError
from sfumato.restoration import (
    AnyOperator,
    Blur,
    Clip,
    Grey,
    Identity,
    Mask,
    Mean,
    Operator,
    Sequential,
)

X = torch.randn(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_first_operator_is_applied_first():
    blur, mean = Blur(sigma=1.0), Mean(factor=2)
    assert torch.equal(Sequential.of(blur, mean).forward(X), mean.forward(blur.forward(X)))
    assert not torch.allclose(
        Sequential.of(blur, mean).forward(X), blur.forward(mean.forward(X)), atol=1e-3
    )
    assert torch.equal(Identity().forward(X), X)


def test_sequences_are_joined_and_never_nested():
    inner = Sequential.of(Grey(), Mean(factor=2))
    joined = Sequential.of(inner, Clip(level=1.0))
    assert joined.operators == (Grey(), Mean(factor=2), Clip(level=1.0))
    adapter: TypeAdapter[Operator] = TypeAdapter(AnyOperator)
    with pytest.raises(ValidationError, match="sequential"):
        adapter.validate_python({"kind": "sequential", "operators": [inner.model_dump()]})
    with pytest.raises(ValidationError):
        Sequential.of()


def test_it_is_linear_if_all_of_its_operators_are():
    assert Sequential.of(Grey(), Mean(factor=2)).is_linear
    assert not Sequential.of(Grey(), Clip(level=1.0)).is_linear


def test_each_operator_has_to_fit_what_the_one_before_observes():
    sequence = Sequential.of(Mean(factor=2), Grey(), Mask.box((6, 6), (0, 0), (2, 2)))
    sequence.require((3, 12, 12))
    with pytest.raises(SettingError, match=r"mask of shape \(6, 6\)"):
        sequence.require((3, 16, 16))


@pytest.mark.parametrize(
    "spec", [{"kind": "mena", "factor": 2}, {"kind": "mean"}, {"kind": "mean", "factor": 2, "x": 1}]
)
def test_a_spec_that_names_no_operator_is_refused(spec):
    adapter: TypeAdapter[Operator] = TypeAdapter(AnyOperator)
    with pytest.raises(ValidationError):
        adapter.validate_python(spec)
