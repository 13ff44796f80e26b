from __future__ import annotations

import hashlib
import math
import sys

import numpy as np
import pytest
import torch

from sfumato.errors import MissingExtra
from sfumato.metrics.extractor import Clips, identity_of, identity_of_bytes


def test_all_that_counts_changes_it() -> None:
    a, b = torch.arange(4.0), torch.arange(4.0) + 1
    found = [
        identity_of("x", {}),
        identity_of("y", {}),
        identity_of("x", {"a": a}),
        identity_of("x", {"b": a}),
        identity_of("x", {"a": b}),
        identity_of("x", {"a": a.reshape(2, 2)}),
        identity_of("x", {"a": a.view(torch.int32)}),
        identity_of("x", {"a": a[:2], "b": a[2:]}),
        identity_of("x", {"a": a[:1], "b": a[1:]}),
        identity_of("x", {"a": torch.tensor(True)}),
    ]
    assert len(set(found)) == len(found)
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in found)


def test_order_and_layout_do_not() -> None:
    a, b = torch.randn(3, 4), torch.randn(2)
    assert identity_of("x", {"a": a, "b": b}) == identity_of("x", {"b": b, "a": a})
    assert identity_of("x", {"a": a.T.contiguous().T}) == identity_of("x", {"a": a})


def test_bytes() -> None:
    whole = hashlib.sha256(b"x\0data").hexdigest()
    assert identity_of_bytes("x", b"data") == whole[:16]


def sine(hertz: float, rate: int) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(rate).double() / rate).float()


def test_the_same_rate_is_only_mixed() -> None:
    clips = torch.tensor([[[1.0, 0.0], [0.0, 0.5]]])
    assert Clips(clips, 100).mono_at(100).tolist() == [[0.5, 0.25]]


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_a_sine_stays_itself(rate: int) -> None:
    pytest.importorskip("soxr")
    found = Clips(sine(440, rate).expand(2, 1, -1), rate).mono_at(16_000)
    assert found.shape == (2, 16_000)
    assert found.dtype == np.float32
    expected = sine(440, 16_000).numpy()
    # But for the edges.
    assert np.abs(found[1] - expected)[1000:-1000].max() < 1e-3


def test_what_the_rate_cannot_hold_is_gone() -> None:
    pytest.importorskip("soxr")
    found = Clips(sine(12_000, 48_000)[None, None], 48_000).mono_at(16_000)
    assert np.abs(found[0, 1000:-1000]).max() < 1e-4


def test_nothing_and_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)  # type: ignore[arg-type]
    assert Clips(torch.zeros(0, 1, 10), 8000).mono_at(16_000).shape[0] == 0
    with pytest.raises(MissingExtra, match="soxr") as caught:
        Clips(torch.zeros(1, 1, 10), 8000).mono_at(16_000)
    assert "sfumato[audio]" in caught.value.hint
