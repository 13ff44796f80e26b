"""Attention in training: the same function however it is computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.engine import attention as module
from sfumato.engine.attention import attention, choose_attention, explicit
from sfumato.engine.precision import Decision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
BF16, FP32 = Decision("bf16", "told"), Decision("fp32", "told")


def tokens() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 3, 10, 8, dtype=torch.float64).requires_grad_() for _ in range(3)]


MASK = (torch.rand(2, 1, 10, 10, generator=torch.Generator().manual_seed(1)) < 0.4) | torch.eye(
    10
).bool()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"attn_mask": MASK},
        {"attn_mask": torch.linspace(-2, 2, 100, dtype=torch.float64).reshape(10, 10)},
        {"scale": 0.3},
        {"is_causal": True},
    ],
    ids=["plain", "mask", "bias", "scale", "causal"],
)
def test_values_and_gradients_are_those_of_the_fused_kernel(asked: dict[str, Any]) -> None:
    q, k, v = tokens()
    toward = torch.randn(2, 3, 10, 8, dtype=torch.float64)
    expected = F.scaled_dot_product_attention(q, k, v, **asked)
    with explicit():
        actual = F.scaled_dot_product_attention(q, k, v, **asked)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(actual, (q, k, v), toward),
        torch.autograd.grad(expected, (q, k, v), toward),
        rtol=0,
        atol=1e-12,
    )


def test_a_mask_may_be_given_by_its_place() -> None:
    q, k, v = tokens()
    with explicit():
        actual = F.scaled_dot_product_attention(q, k, v, MASK)
    torch.testing.assert_close(actual, F.scaled_dot_product_attention(q, k, v, MASK))


@pytest.mark.parametrize(
    ("asked", "length", "graded", "fused"),
    [
        ({}, 10, True, 0),
        ({"is_causal": True}, 10, True, 1),
        ({"dropout_p": 0.5}, 10, True, 1),
        ({}, 10, False, 1),
        ({}, 1025, True, 1),
    ],
)
def test_it_is_explicit_in_training_on_moderate_lengths_only(
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Any],
    length: int,
    graded: bool,
    fused: int,
) -> None:
    calls = []
    real = F.scaled_dot_product_attention

    def counted(*args: Any, **kwargs: Any) -> Tensor:
        calls.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "_fused", counted)
    q = torch.randn(1, 1, length, 4, requires_grad=graded)
    with explicit():
        F.scaled_dot_product_attention(q, q, q, **asked)
    assert len(calls) == fused


@pytest.mark.parametrize(
    ("device", "precision", "choice"),
    [(CPU, BF16, "explicit"), (CPU, FP32, "fused"), (CUDA, BF16, "fused")],
)
def test_the_choice_follows_the_measurements(
    device: torch.device, precision: Decision, choice: str
) -> None:
    decision = choose_attention(device, precision)
    assert decision.choice == choice and decision.reason
    fused = F.scaled_dot_product_attention
    with attention(decision):
        assert (F.scaled_dot_product_attention is fused) is (choice == "fused")
    assert F.scaled_dot_product_attention is fused
