from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.evaluation import real as real_module
from sfumato.evaluation.real import Real, corpus, matched, pieces_of, real_numbers
from sfumato.media.text.library import Library
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.settings import TextSettings
from sfumato.model.numbers import NumberModel
from sfumato.run import open_run
from tests.conftest import paint

Runs = Callable[..., Path]


def finished(steps: Generator[Any, None, Real[Any]]) -> Real[Any]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Real[Any] = end.value
            return found


def real(run: Path, elsewhere: str | None = None) -> Real[Any]:
    model = open_run(run).model
    assert isinstance(model, NumberModel)
    return finished(real_numbers(model, elsewhere))


def test_all_items_are_there_once(runs: Runs) -> None:
    found = real(runs("unet"))
    both = np.concatenate([found.training, found.held_out])
    assert both.shape == (12, 3, 16, 16)
    assert len({item.tobytes() for item in both}) == 12
    assert len(found.groups) == 12
    assert found.training_labels is not None
    assert found.held_out_labels is not None
    labels = [*found.training_labels.tolist(), *found.held_out_labels.tolist()]
    assert sorted(labels) == [0] * 9 + [1] * 3
    assert (found.split.training, found.split.held_out) == (
        len(found.training), len(found.held_out),
    )  # fmt: skip
    assert found.split.held_out_source is None


def test_of_many_evenly_spaced_ones_are_taken(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = real(runs("unet"))
    monkeypatch.setattr(real_module, "MOST", 3)
    found = real(Path("runs/unet"))
    assert len(found.training) == 3
    places = [number * len(whole.training) // 3 for number in range(3)]
    assert np.array_equal(found.training, whole.training[places])
    assert (whole.left_out, found.left_out) == (0, len(whole.training) - 3)


def test_others_take_the_place_of_those_held_out(runs: Runs, tmp_path: Path) -> None:
    others = paint(tmp_path / "others", {"dog": 2, "cat": 4})
    found = real(runs("unet"), str(others))
    assert len(found.held_out) == 6
    assert found.held_out_labels is not None
    # By the run's own numbers: cat is 0.
    assert sorted(found.held_out_labels.tolist()) == [0, 0, 0, 0, 1, 1]
    assert all(name.startswith(str(others)) for name in found.groups[-6:])
    assert len(found.groups) == len(found.training) + 6
    assert found.split.held_out_source == others.name


def test_a_class_the_run_does_not_know_leaves_no_labels(runs: Runs, tmp_path: Path) -> None:
    others = paint(tmp_path / "others", {"cow": 3})
    assert real(runs("unet"), str(others)).held_out_labels is None


def test_nothing_is_there(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        real(runs("unet"), str(tmp_path / "nowhere"))


def test_every_piece_of_a_row_is_found() -> None:
    rows = RowBatch(
        np.array([[5, 6, 7, 0], [1, 2, 3, 4]]), np.array([[0, 0, 1, -1], [0, 0, 0, 0]]), None
    )
    assert [piece.tolist() for piece in pieces_of(rows)] == [[5, 6], [7], [1, 2, 3, 4]]


def test_pieces_are_given_once_and_as_long_as_wanted_where_that_can_be() -> None:
    pieces = [np.full(size, size) for size in (2, 9, 4, 3, 5)]
    found = matched(pieces, [4, 8, 4, 9])
    assert [(len(piece), int(piece[0])) for piece in found] == [(4, 4), (5, 5), (3, 3), (9, 9)]


def test_nothing_short_is_cut_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 3)
    library = Library.open_or_prepare(tmp_path, TextSettings(), 0.0)
    whole = library.text(0)
    monkeypatch.setattr(real_module, "_PIECE", 5)
    pieces = list(corpus(library, 2))
    assert len(pieces) > 5
    assert all(piece in whole for piece in pieces)
    assert all(any(a + b in piece for piece in pieces) for a, b in pairwise(whole))
