from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from sfumato.media.text.library import Library
from sfumato.media.text.rows import RowBatch, Rows, rows_of

MakeLibrary = Callable[..., Library]


def segments_of(batch: RowBatch) -> list[list[list[int]]]:
    """The tokens of every segment of every row, after a look at how they lie."""
    out = []
    for tokens, segments in zip(batch.tokens, batch.segments, strict=True):
        used = int((segments >= 0).sum())
        assert (segments[used:] == -1).all()
        assert (tokens[used:] == 0).all()
        assert set(np.diff(segments[:used]).tolist()) <= {0, 1}
        assert segments[0] == 0
        out.append([tokens[segments == k].tolist() for k in range(segments[:used].max() + 1)])
    return out


def everything(rows: Rows, epoch: int = 0) -> RowBatch:
    return rows.batch(np.arange(len(rows)), epoch)


def distinct_texts(count: int, longest: int) -> list[str]:
    """Texts of many lengths, all different."""
    lengths = np.random.default_rng(count).integers(4, longest + 1, count)
    return [f"{number:04d}".ljust(int(length), "x") for number, length in enumerate(lengths)]


def test_short_documents_are_packed_whole_and_once(library_of: MakeLibrary) -> None:
    texts = distinct_texts(300, 16)
    library = library_of(texts)
    chosen = np.arange(0, 300, 2)
    rows = Rows(library, chosen, 16, seed=3)
    packed = [bytes(one).decode() for row in segments_of(everything(rows)) for one in row]
    assert Counter(packed) == Counter(texts[place] for place in chosen)
    assert len(rows) < len(chosen)
    # A row ends only where the next document would not have fitted.
    lengths = [[len(one) for one in row] for row in segments_of(everything(rows))]
    assert all(sum(row) + after[0] > 16 for row, after in pairwise(lengths))


def test_a_row_has_one_label(library_of: MakeLibrary) -> None:
    texts = distinct_texts(200, 40)
    names = [f"class {number % 7}" for number in range(200)]
    library = library_of(texts, names)
    batch = everything(Rows(library, np.arange(200), 16, seed=0))
    assert batch.labels is not None
    for label, row in zip(batch.labels.tolist(), segments_of(batch), strict=True):
        for segment in row:
            whose = [k for k, text in enumerate(texts) if bytes(segment).decode() in text]
            assert library.classes[label] in {names[k] for k in whose}
            if bytes(segment[:4]).isdigit():
                assert names[int(bytes(segment[:4]))] == library.classes[label]


def test_documents_without_a_label_share_rows_of_their_own(library_of: MakeLibrary) -> None:
    library = library_of(["abcd"] * 9, ["x", "", "y"] * 3)
    batch = everything(Rows(library, np.arange(9), 12, seed=0))
    assert batch.labels is not None
    assert sorted(batch.labels.tolist()) == [-1, 0, 1]


def test_neighbours_that_fit_share_a_row(library_of: MakeLibrary) -> None:
    rows = Rows(library_of(["abcd"] * 10), np.arange(10), 12, seed=0)
    assert [len(row) for row in segments_of(everything(rows))] == [3, 3, 3, 1]


def windows(rows: Rows, epoch: int) -> list[list[int]]:
    [*out] = (segment for [segment] in segments_of(everything(rows, epoch)))
    return out


@pytest.mark.parametrize("length", [17, 24, 31, 32, 33, 90])
def test_windows_of_a_long_document(library_of: MakeLibrary, length: int) -> None:
    library = library_of([bytes(range(32, 32 + length)).decode()])
    text = library.document(0).tolist()
    rows = Rows(library, [0], 16, seed=1)
    assert len(rows) == -(-length // 16)
    seen: Counter[int] = Counter()
    starts = set()
    for epoch in range(400):
        for window in windows(rows, epoch):
            place = text.index(window[0])
            assert window == text[place : place + 16]
            starts.add(place)
            seen.update(window)
    counts = np.array([seen[token] for token in text])
    # About equally: next to the ends least, inside of the ends most.
    assert counts.min() > 0.4 * counts.mean()
    assert counts.max() < 2.0 * counts.mean()
    assert {0, length - 16} <= starts
    assert len(starts) > min(length - 16, 20)


def test_places_inside_are_covered_alike(library_of: MakeLibrary) -> None:
    library = library_of([bytes(range(32, 126)).decode() + "é" * 20])
    rows = Rows(library, [0], 16, seed=1)
    seen: Counter[int] = Counter()
    for epoch in range(1000):
        for window in windows(rows, epoch):
            seen.update(set(window))
    # Away from both ends every token is met once in an epoch on average, with a variance below 1.
    counts = np.array([seen[token] for token in range(32 + 24, 32 + 80)])
    assert np.abs(counts - 1000).max() < 5 * 1000**0.5


@pytest.mark.parametrize("measured", [False, True])
def test_places_say_nothing_about_the_phase_of_a_periodic_text(
    library_of: MakeLibrary, measured: bool
) -> None:
    """Windows of one epoch begin at all phases, also where the context is a multiple of the period.

    With one shift for all windows, the place of a token in its row gives its phase away.
    """
    library = library_of(["abcd" * 2000])
    rows = Rows(library, [0], 16, seed=1)
    batch = rows.fixed(10**6) if measured else everything(rows, 0)
    phases = Counter(batch.tokens[:, 0].tolist())
    assert len(phases) == 4
    assert max(phases.values()) < 0.4 * len(rows)
    assert not same(rows.fixed(10**6), everything(rows, 0))


def test_a_window_does_not_depend_on_its_batch(library_of: MakeLibrary) -> None:
    rows = Rows(library_of(["abcdefghijkl" * 50]), [0], 16, seed=1)
    whole = everything(rows, 3)
    for row in range(len(rows)):
        assert np.array_equal(rows.batch([row], 3).tokens[0], whole.tokens[row])


def test_shifts_differ_between_documents_and_epochs(library_of: MakeLibrary) -> None:
    library = library_of(["0123456789abcdefghijklmnopqrstuvwxyz" * 3] * 3)
    rows = Rows(library, [0, 1, 2], 16, seed=0)
    middle = [[row[0] for row in windows(rows, epoch)][2::7] for epoch in range(1, 9)]
    assert len({tuple(starts) for starts in middle}) > 4
    assert any(len(set(starts)) > 1 for starts in middle)


def same(one: RowBatch, other: RowBatch) -> bool:
    pairs: list[tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]] = [
        (one.tokens, other.tokens), (one.segments, other.segments), (one.labels, other.labels),
    ]  # fmt: skip
    return all(a is b is None or np.array_equal(a, b) for a, b in pairs)  # type: ignore[arg-type]


def test_a_step_is_a_pure_function_of_seed_and_step(library_of: MakeLibrary) -> None:
    library = library_of(distinct_texts(60, 50), ["a", "b"] * 30)
    rows = Rows(library, np.arange(60), 16, seed=5)
    batches = [rows.training_batch(step, 7, seed=5) for step in range(40)]
    again = Rows(library, np.arange(60), 16, seed=5)
    for step in (33, 0, 12):
        assert same(again.training_batch(step, 7, seed=5), batches[step])
    assert not same(rows.training_batch(3, 7, seed=6), batches[3])
    other = Rows(library, np.arange(60), 16, seed=6)
    assert not all(same(other.training_batch(step, 7, 5), batches[step]) for step in range(40))


def test_an_epoch_of_steps_is_every_row_with_its_shift(library_of: MakeLibrary) -> None:
    library = library_of(distinct_texts(60, 50))
    rows = Rows(library, np.arange(60), 16, seed=5)
    batches = [rows.training_batch(step, 7, seed=5) for step in range(3 * len(rows) // 7 + 1)]
    stream = np.concatenate([batch.tokens for batch in batches])
    for epoch in range(3):
        seen = stream[epoch * len(rows) : (epoch + 1) * len(rows)]
        expected = everything(rows, epoch).tokens
        assert sorted(seen.tolist()) == sorted(expected.tolist())


def test_fixed_rows(library_of: MakeLibrary) -> None:
    rows = Rows(library_of(distinct_texts(90, 50)), np.arange(90), 16, seed=5)
    whole = rows.fixed(10**6)
    assert len(whole.tokens) == len(rows)
    few = rows.fixed(5)
    places = [k * len(rows) // 5 for k in range(5)]
    assert np.array_equal(few.tokens, whole.tokens[places])
    assert few.tokens.dtype == few.segments.dtype == np.int64


def test_no_documents_no_rows(library_of: MakeLibrary) -> None:
    rows = Rows(library_of(["abc"], ["x"]), np.array([], np.int64), 16, seed=0)
    assert len(rows) == 0
    empty = rows.fixed(4)
    assert empty.tokens.shape == empty.segments.shape == (0, 16)
    assert rows.lengths().tolist() == [0] * 17


def test_lengths_count_segments(library_of: MakeLibrary) -> None:
    rows = Rows(library_of(["ab", "cd", "x" * 16, "y" * 17, "z" * 33]), np.arange(5), 16, seed=0)
    counted = Counter(len(one) for row in segments_of(everything(rows)) for one in row)
    assert dict(counted) == {2: 2, 16: 1 + 2 + 3}
    assert {k: n for k, n in enumerate(rows.lengths().tolist()) if n} == dict(counted)
    assert len(rows.lengths()) == 17


@pytest.mark.parametrize("size", [1, 15, 16, 17, 40, 100])
def test_the_rows_of_a_document_alone_cover_it(size: int) -> None:
    found = rows_of(np.arange(size), 16, most=100)
    assert set(found.tokens[found.segments == 0].tolist()) == set(range(size))
    assert len(found.tokens) == -(-size // 16)
    assert (np.diff(found.tokens[:, 0]) <= 16).all()
    assert found.labels is None


def test_of_a_long_document_some_rows_are_enough() -> None:
    tokens = np.arange(1000)
    every, some = rows_of(tokens, 16, most=100), rows_of(tokens, 16, most=5)
    assert some.tokens.shape == (5, 16)
    begins = some.tokens[:, 0]
    assert set(begins.tolist()) <= set(every.tokens[:, 0].tolist())
    assert begins.min() == 0
    assert np.ptp(np.diff(begins)) <= 2 * 16
