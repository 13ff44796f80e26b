"""Steps by hand: logits and noise as the test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.process.categorical import Masking
from sfumato.process.keep import LinearKeep
from sfumato.sampling.sampler import Context


@pytest.fixture
def stage() -> Callable[..., Any]:
    """``stage(process, logits, *noise, **context)``: a context, and the list of calls made.

    ``logits`` are those of every call, or a function of the state.
    """

    def build(process: Any, logits: Any, *noise: Tensor, **more: Any) -> SimpleNamespace:
        calls: list[tuple[Tensor, Tensor]] = []

        def denoise(x: Tensor, t: Tensor, /) -> Tensor:
            calls.append((x, t))
            return logits(x) if callable(logits) else logits

        settings = {"cost": 1, "step": 0, "steps": 1, "history": deque(), **more}
        context = Context(
            process=process, denoise=denoise, noise=lambda *, draw=0: noise[draw], **settings
        )
        return SimpleNamespace(context=context, calls=calls)

    return build


@pytest.fixture
def letters() -> Masking:
    """Three letters; 3 is the mask."""
    return Masking(LinearKeep(), 3)


@pytest.fixture
def time() -> Callable[[float], Tensor]:
    """A time as the loop gives it."""
    return lambda t: torch.tensor(t, dtype=torch.float64)
