from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sfumato.evaluation import real_text as real
from sfumato.media.text.library import Library
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.settings import TextSettings


def test_every_piece_of_a_row_is_found() -> None:
    rows = RowBatch(
        np.array([[5, 6, 7, 0], [1, 2, 3, 4]]), np.array([[0, 0, 1, -1], [0, 0, 0, 0]]), None
    )
    assert [piece.tolist() for piece in real.pieces_of(rows)] == [[5, 6], [7], [1, 2, 3, 4]]


def test_pieces_are_given_once_and_as_long_as_wanted_where_that_can_be() -> None:
    pieces = [np.full(size, size) for size in (2, 9, 4, 3, 5)]
    found = real.matched(pieces, [4, 8, 4, 9])
    assert [(len(piece), int(piece[0])) for piece in found] == [(4, 4), (5, 5), (3, 3), (9, 9)]


def test_nothing_short_is_cut_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 3)
    library = Library.open_or_prepare(tmp_path, TextSettings(), 0.0)
    whole = library.text(0)
    monkeypatch.setattr(real, "_PIECE", 5)
    pieces = list(real.corpus(library, 2))
    assert len(pieces) > 5
    assert all(piece in whole for piece in pieces)
    assert all(any(a + b in piece for piece in pieces) for a, b in pairwise(whole))
