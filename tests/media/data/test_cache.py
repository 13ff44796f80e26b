from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sfumato.media.data.cache import ArrayWriter, open_array

UINT8 = np.dtype(np.uint8)


@pytest.mark.parametrize("most", [3, 100_000, 10**12])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_fewer_rows_than_announced(tmp_path: Path, most: int, dtype: type) -> None:
    rows = np.arange(18).reshape(3, 2, 3).astype(dtype)
    with ArrayWriter(tmp_path / "a.npy", most, (2, 3), rows.dtype) as out:
        for row in rows:
            out.append(row)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), rows)
    opened = open_array(tmp_path / "a.npy", (3, 2, 3), rows.dtype)
    np.testing.assert_array_equal(opened, rows)
    assert type(opened) is np.ndarray


def test_a_row_of_another_kind_is_refused(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a.npy", 2, (2,), UINT8) as out:
        out.append(np.zeros(2, np.uint8))
        with pytest.raises(ValueError, match="expected"):
            out.append(np.zeros(3, np.uint8))
        with pytest.raises(ValueError, match="expected"):
            out.append(np.zeros(2, np.int8))
    assert len(np.load(tmp_path / "a.npy")) == 1


def test_opening_checks_the_shape(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        open_array(tmp_path / "a.npy", (2, 3), UINT8)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"[Pp]ython objects|allow_pickle"):
        open_array(tmp_path / "a.npy", (1,), np.dtype(object))
