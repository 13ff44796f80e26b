from __future__ import annotations

import numpy as np
import pytest

from sfumato.imaging.blend import Paste, ramp


def brute_force(marked: np.ndarray, width: int) -> np.ndarray:
    """Distances to every pixel that is not marked, one by one."""
    known = np.argwhere(~marked)
    share = np.zeros(marked.shape)
    for place in np.argwhere(marked):
        distance = np.sqrt(((known - place) ** 2).sum(1).min())
        share[tuple(place)] = min(1.0, distance / (width + 1))
    return share


@pytest.mark.parametrize("width", [0, 1, 3, 20])
def test_the_transition_follows_the_distance(width: int) -> None:
    marked = np.random.default_rng(0).random((17, 23)) < 0.9
    np.testing.assert_allclose(ramp(marked, width), brute_force(marked, width), atol=1e-12)


def test_a_transition_is_linear_from_a_straight_edge() -> None:
    marked = np.zeros((5, 12), np.bool_)
    marked[:, 4:] = True
    np.testing.assert_allclose(ramp(marked, 3)[2], [0] * 4 + [0.25, 0.5, 0.75] + [1] * 5)


def test_everything_marked_has_no_edge() -> None:
    assert (ramp(np.ones((3, 3), np.bool_), 5) == 1).all()


def test_pixels_of_no_share_stay_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    ground = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    new = rng.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    share = np.zeros((5, 6))
    share[1:3, 2:4] = 1
    made = Paste(ground, ((3, 8), (4, 10)), share)(new)
    changed = np.zeros((10, 12), np.bool_)
    changed[4:6, 6:8] = True
    for one, own in zip(made, new, strict=True):
        np.testing.assert_array_equal(one[~changed], ground[~changed])
        np.testing.assert_array_equal(one[changed], own[share == 1])


def test_half_a_share_is_the_middle() -> None:
    paste = Paste(np.full((1, 1, 1), 10, np.uint8), ((0, 1), (0, 1)), np.full((1, 1), 0.5))
    assert paste(np.full((1, 1, 1, 1), 20, np.uint8)).item() == 15


def test_a_window_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        Paste(np.zeros((4, 4, 1), np.uint8), ((0, 2), (0, 2)), np.zeros((3, 2)))
