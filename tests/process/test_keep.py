"""Keep rules: their ends, their inverse and their rate."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.process.keep import AnyKeep, CosineKeep, LinearKeep, PowerKeep

F64 = torch.float64
KEEPS = [LinearKeep(), CosineKeep(), PowerKeep(power=0.5), PowerKeep(power=3.0)]
every_keep = pytest.mark.parametrize("keep", KEEPS, ids=str)
TIMES = torch.linspace(0, 1, 101, dtype=F64)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@every_keep
def test_ends_are_exact(keep):
    assert keep.keep(TIMES[[0, -1]]).tolist() == [1.0, 0.0]
    assert keep.time(torch.tensor([1.0, 0.0], dtype=F64)).tolist() == [0.0, 1.0]


@every_keep
def test_falls_strictly_to_the_very_end(keep):
    late = 1 - torch.logspace(-2, -12, 11, dtype=F64)
    for times in (TIMES, late):
        assert (keep.keep(times).diff() < 0).all()
    assert (keep.keep(late) > 0).all()


@every_keep
def test_time_inverts_keep(keep):
    close(keep.time(keep.keep(TIMES)), TIMES)


@every_keep
def test_keep_inverts_time(keep):
    close(keep.keep(keep.time(TIMES)), TIMES)


@every_keep
def test_rate_is_the_derivative_and_not_negative(keep):
    t = TIMES[1:].clone().requires_grad_()
    (slope,) = torch.autograd.grad(keep.keep(t).sum(), t)
    close(keep.rate(t.detach()), -slope)
    assert (keep.rate(TIMES) >= 0).all()


def test_cosine_keeps_its_digits_late():
    """Near t = 1 it is (pi (1 - t) / 2)^2 / 2 to fourth order, where 1 - sin would be 0."""
    left = torch.tensor([1e-5, 1e-6], dtype=F64)
    close(CosineKeep().keep(1 - left) / left.square(), torch.full_like(left, torch.pi**2 / 8), 1e-9)


@every_keep
def test_shapes_are_kept(keep):
    t = torch.full((2, 3), 0.25, dtype=F64)
    for value in (keep.keep(t), keep.time(t), keep.rate(t)):
        assert value.shape == (2, 3) and value.dtype == F64


@every_keep
def test_spec_round_trip(keep):
    assert TypeAdapter(AnyKeep).validate_json(keep.model_dump_json()) == keep


@pytest.mark.parametrize("power", [0.0, -1.0])
def test_a_power_is_positive(power):
    with pytest.raises(ValidationError):
        PowerKeep(power=power)


@every_keep
def test_inside_leaves_neither_end_out(keep):
    """However long the text, a state with a single mask, or a single token, can be drawn."""
    first, middle, last = keep.inside(torch.tensor([0.0, 0.5, 1.0], dtype=F64))
    assert 0 < 1 - keep.keep(first) < 1e-8
    assert middle == 0.5
    assert 0 < keep.keep(last) < 1e-8
