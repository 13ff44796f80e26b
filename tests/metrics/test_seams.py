from __future__ import annotations

import numpy as np
import pytest

from sfumato.metrics.seams import seam_ratio


def box(height: int = 40, width: int = 50) -> np.ndarray:
    made = np.zeros((height, width), np.bool_)
    made[12:25, 20:31] = True
    return made


def ramp(across: float, down: float, height: int = 40, width: int = 50) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (across * columns + down * rows)[None, ..., None].astype(np.float64)


def test_a_slope_goes_on() -> None:
    np.testing.assert_allclose(seam_ratio(ramp(2, 5), box()), 1)


def test_a_step_at_the_edge_is_added_to_the_slope() -> None:
    # Left and top the slope of 2 becomes 2 + 3, right and bottom |2 - 3|.
    images = ramp(2, 2)
    images[:, box()] += 3
    count = 13 + 13 + 11 + 11
    expected = ((13 + 11) * 5 + (13 + 11) * 1) / (2 * count)
    np.testing.assert_allclose(seam_ratio(images, box()), expected)


def test_rows_and_columns_are_compared_with_their_own_kind() -> None:
    # A strip over the full height has an edge along rows alone, where nothing is steep.
    strip = np.zeros((40, 50), np.bool_)
    strip[:, 20:30] = True
    images = ramp(1, 100)
    images[:, strip] += 0.5
    # 1 + 0.5 at the left, 1 - 0.5 at the right: the slope along columns plays no part.
    np.testing.assert_allclose(seam_ratio(images, strip), 1)
    images[:, strip] += 4.5
    np.testing.assert_allclose(seam_ratio(images, strip), 5)


def test_noise_has_no_seam_on_average() -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 40, 50, 3), dtype=np.uint8)
    ratios = seam_ratio(images, box())
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(200))
    assert ratios.std() < 0.1


def test_only_what_is_near_counts() -> None:
    images = ramp(1, 1)
    images[:, :, :5] = np.random.default_rng(0).normal(0, 100, (1, 40, 5, 1))
    np.testing.assert_allclose(seam_ratio(images, box(), reach=8), 1)
    assert seam_ratio(images, box(), reach=40).item() < 0.5


def test_flat_pictures() -> None:
    flat = np.zeros((2, 40, 50, 1), np.uint8)
    flat[1][box()] = 9
    assert seam_ratio(flat, box()).tolist() == [1, np.inf]


@pytest.mark.parametrize("made", [np.zeros((40, 50), np.bool_), np.ones((40, 50), np.bool_)])
def test_no_edge(made: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no edge"):
        seam_ratio(ramp(1, 1), made)


def test_other_shapes() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        seam_ratio(ramp(1, 1), box(41))
    with pytest.raises(ValueError, match="no known neighbours"):
        known = np.ones((40, 50), np.bool_)
        known[::2, ::2] = False
        seam_ratio(ramp(1, 1), known)
