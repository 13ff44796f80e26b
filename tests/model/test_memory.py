from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.model import model as trained
from sfumato.model.network import MOST_TILES, bytes_of_signal, bytes_of_text, rows_at_once
from sfumato.model.options import SampleOptions
from sfumato.run import open_run

Runs = Callable[..., Path]


@given(tile=st.integers(1, 64), row=st.integers(1, 10**9), free=st.integers(0, 10**12))
def test_whole_tiles_that_fit_and_are_not_many(tile: int, row: int, free: int) -> None:
    rows = rows_at_once(tile, row, free)
    assert rows % tile == 0
    assert tile <= rows <= MOST_TILES * tile
    assert rows == tile or rows * row <= free / 4


def test_more_memory_is_more_rows_up_to_a_bound() -> None:
    assert [rows_at_once(16, 1000, free) for free in (0, 200_000, 10**9)] == [16, 48, 64]
    assert rows_at_once(16, 1000, None) == 16


def test_text_costs_by_its_vocabulary() -> None:
    assert bytes_of_text(256, 2000) == 10 * bytes_of_text(256, 200)
    assert bytes_of_signal(3 * 64 * 64) == 4 * bytes_of_signal(3 * 32 * 32)


@pytest.mark.parametrize("free", [None, 0, 10**12])
def test_samples_are_the_same_whatever_memory_there_is(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, free: int | None
) -> None:
    runs("unet")
    monkeypatch.setattr(trained, "free_memory", lambda device: free)
    model: Any = open_run("unet").model
    monkeypatch.setattr(type(model), "tiles", {"cpu": 2})
    request = model.request(SampleOptions(10**9))
    assert request.batch == (8 if free else 2)
    made = open_run("unet").sample(9, seed=7)
    expected = open_run("unet").sample(9, seed=7, batch=3)
    assert np.array_equal(made.items, expected.items)  # type: ignore[union-attr]
