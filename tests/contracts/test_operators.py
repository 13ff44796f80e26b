"""What every operator must do, over the whole registry; an operator added is tested here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration import (
    JPEG,
    OPERATORS,
    AnyOperator,
    BitDepth,
    Blur,
    Clip,
    FunctionOperator,
    Grey,
    Identity,
    Interval,
    Kernel,
    Mask,
    Mean,
    Motion,
    Observation,
    Operator,
    Projection,
    Resample,
    Sequential,
)

F64 = torch.float64
PICTURE, SOUND, VECTOR = (3, 12, 10), (2, 24), (7,)


class Case(NamedTuple):
    operator: Operator
    shape: tuple[int, ...]


def random(shape: tuple[int, ...], seed: int, dtype: Any = F64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


SPOTS = random(PICTURE, 0) > 0.3
WILD = np.random.default_rng(0).normal(0.3, 1, (4, 5))
STEPS = tuple(range(8, 72))
FUNCTION = FunctionOperator.of(lambda x: torch.sin(x).flatten(1)[:, ::2])
CASES = [
    Case(Identity(), PICTURE),
    Case(Identity(), VECTOR),
    Case(Mask.of(SPOTS), PICTURE),
    Case(Mask.of(SPOTS[0]), PICTURE),
    Case(Mask.of(SPOTS[0, :1]), PICTURE),
    Case(Mask.of(SPOTS[0, :, :1]), PICTURE),
    Case(Mask.box((24,), (5,), (9,)), SOUND),
    Case(Mask.of(random(VECTOR, 1) > 0), VECTOR),
    Case(Mean(factor=2), PICTURE),
    Case(Mean(factor=3), SOUND),
    *(Case(Resample(sides=(5, 7), filter=name), PICTURE)
      for name in ("box", "bilinear", "hamming", "bicubic", "lanczos")),
    Case(Resample(sides=(12, 17)), PICTURE),
    Case(Resample(sides=(7,)), SOUND),
    Case(Blur(sigma=1.3), PICTURE),
    Case(Blur(sigma=(0.5, 2.0)), PICTURE),
    Case(Blur(sigma=2.5), SOUND),
    Case(Blur(sigma=0.8, border="wrap"), PICTURE),
    Case(Blur(sigma=0.8, border="valid"), PICTURE),
    Case(Motion(length=6.5, angle=30), PICTURE),
    *(Case(Kernel.of(WILD, border), PICTURE) for border in ("reflect", "wrap", "valid")),
    Case(Kernel.of(WILD[0]), SOUND),
    Case(Grey(), PICTURE),
    Case(Grey(weights=(0.5, 0.5)), SOUND),
    Case(Projection(rows=11, seed=3), PICTURE),
    Case(Projection(rows=3), VECTOR),
    Case(Clip(level=0.7), SOUND),
    Case(BitDepth(bits=3), PICTURE),
    Case(JPEG(tables=(STEPS,), sides=(16, 8)), (1, 16, 8)),
    Case(JPEG(tables=(STEPS, STEPS[::-1], STEPS), sides=(12, 10)), PICTURE),
    Case(JPEG(tables=(STEPS,) * 3, sides=(17, 21), subsampling=(2, 2)), (3, 17, 21)),
    Case(FUNCTION, SOUND),
    Case(Sequential.of(Blur(sigma=0.7), Mean(factor=2), Grey()), PICTURE),
    Case(Sequential.of(Grey(), Mask.box(PICTURE[1:], (1, 1), (3, 3))), PICTURE),
    Case(Sequential.of(Mean(factor=2), Clip(level=0.4)), SOUND),
    Case(Sequential.of(Projection(rows=9), Projection(rows=4)), PICTURE),
]  # fmt: skip
every_case = pytest.mark.parametrize(
    ("operator", "shape"), CASES, ids=[f"{n}-{case.operator.kind}" for n, case in enumerate(CASES)]
)


def test_every_registered_operator_is_tested_here() -> None:
    assert {type(case.operator) for case in CASES} == set(OPERATORS.classes)
    assert all(cls.summary for cls in OPERATORS.classes)


@every_case
def test_the_transpose_is_the_adjoint_of_the_jacobian(operator: Operator, shape: Any) -> None:
    at = random((3, *shape), 1)
    linear = operator.linearised(at)
    u = random((3, *shape), 2)
    image = linear.apply(u)
    v = random(tuple(image.shape), 3)
    here = (image * v).flatten(1).sum(1)
    there = (u * linear.transpose(v)).flatten(1).sum(1)
    torch.testing.assert_close(here, there, rtol=1e-10, atol=1e-11)
    assert image.abs().max() > 1e-3


@every_case
def test_the_jacobian_is_the_limit_of_differences(operator: Operator, shape: Any) -> None:
    at, u = random((2, *shape), 4), random((2, *shape), 5)
    step = 1e-6
    moved = operator.forward(at + step * u) - operator.forward(at - step * u)
    torch.testing.assert_close(
        operator.linearised(at).apply(u), moved / (2 * step), rtol=1e-6, atol=1e-7
    )


@every_case
def test_it_is_linear_if_and_only_if_it_claims_to_be(operator: Operator, shape: Any) -> None:
    u, v = random((2, *shape), 6), random((2, *shape), 7)
    both = operator.forward(2 * u - 3 * v)
    apart = 2 * operator.forward(u) - 3 * operator.forward(v)
    assert torch.allclose(both, apart, rtol=1e-10, atol=1e-11) == operator.is_linear


@every_case
def test_a_spec_makes_it_again(operator: Operator, shape: Any) -> None:
    adapter: TypeAdapter[Operator] = TypeAdapter(AnyOperator)
    again = adapter.validate_json(operator.model_dump_json())
    x0 = random((1, *shape), 8)
    if isinstance(operator, FunctionOperator):
        with pytest.raises(SettingError, match="no file can hold"):
            again.forward(x0)
        return
    assert again == operator and hash(again) == hash(operator)
    assert torch.equal(again.forward(x0), operator.forward(x0))


@every_case
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_sample_does_not_depend_on_its_batch(operator: Operator, shape: Any, dtype: Any) -> None:
    # Products of matrices are made in float64 and round by the place in memory.
    same = {"rtol": 1e-12, "atol": 1e-11} if dtype == F64 else {"rtol": 0, "atol": 0}
    x0 = random((5, *shape), 9, dtype)
    seen = operator.forward(x0)
    back = operator.linearised(x0).transpose(seen)
    for row in range(5):
        alone = operator.forward(x0[row : row + 1].clone())
        torch.testing.assert_close(alone, seen[row : row + 1], **same)
        transposed = operator.linearised(x0[row : row + 1].clone()).transpose(alone)
        torch.testing.assert_close(transposed, back[row : row + 1], **same)


@every_case
def test_single_precision_loses_nothing_that_can_be_seen(operator: Operator, shape: Any) -> None:
    x0 = random((2, *shape), 10)
    coarse = operator.forward(x0.float())
    assert coarse.dtype == torch.float32 and operator.forward(x0).dtype == F64
    torch.testing.assert_close(coarse.double(), operator.forward(x0), rtol=1e-5, atol=1e-5)


@every_case
def test_it_fits_an_observation(operator: Operator, shape: Any) -> None:
    x0 = random((1, *shape), 11)
    before = x0.clone()
    observation = Observation(operator, operator.forward(x0), torch.tensor(0.1, dtype=F64))
    observation.require(shape)
    assert torch.equal(x0, before)
    torch.testing.assert_close(observation.misfit(x0), torch.zeros(1, dtype=F64))


# Those of JPEG files with colours or incomplete blocks are in tests/restoration/test_jpeg.py.
@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        case
        for case in CASES
        if isinstance(case.operator, Interval)
        and (not isinstance(case.operator, JPEG) or case.operator.sides == (16, 8))
    ],
)
def test_intervals_hold_the_data_and_what_is_projected_into_them(
    operator: Interval, shape: Any
) -> None:
    x0 = random((1, *shape), 12).clamp(-1, 1)
    values = operator.observed(x0)
    # Rounded values are bounds themselves, which the arithmetic may miss by its own rounding.
    assert operator.excess(x0, values).abs().max() < 1e-9
    guess = random((4, *shape), 13)
    assert operator.excess(guess, values).abs().max() > 0.01
    moved = operator.projected(guess, values)
    assert operator.excess(moved, values).abs().max() < 1e-9
    torch.testing.assert_close(operator.projected(moved, values), moved)
    # Of all data within the intervals it is the nearest: x0 lies beyond it, seen from the guess.
    inner = ((guess - moved) * (x0 - moved)).flatten(1).sum(1)
    assert (inner < 1e-9).all()


@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        (Mask.of(SPOTS[0]), (3, 12, 11)),
        (Mask.of(SPOTS), (1, 12, 10)),
        (Mask.of(SPOTS), (12, 10)),
        (Mean(factor=5), PICTURE),
        (Mean(factor=2), VECTOR),
        (Mean(factor=2), (1, 4, 4, 4)),
        (Resample(sides=(4,)), PICTURE),
        (Resample(sides=(5000,)), (1, 5000)),
        (Blur(sigma=(1.0,)), PICTURE),
        (Blur(sigma=3.0), PICTURE),
        (Blur(sigma=2.0, border="valid"), PICTURE),
        (Blur(sigma=2.0, border="wrap"), PICTURE),
        (Motion(length=3), SOUND),
        (Kernel.of(WILD), SOUND),
        (Grey(), SOUND),
        (Projection(rows=70_000), (3, 64, 64)),
        (Sequential.of(Mean(factor=2), Mean(factor=4)), PICTURE),
        (Sequential.of(Grey(), Grey()), PICTURE),
    ],
    ids=lambda value: value.kind if isinstance(value, Operator) else str(value),
)
def test_data_that_do_not_fit_are_refused(operator: Operator, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingError):
        operator.require(shape)
