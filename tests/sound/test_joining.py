from __future__ import annotations

import numpy as np
import pytest

from sfumato.sound.fit import Samples
from sfumato.sound.joining import joined, runs_joined


def noise(*shape: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, shape).astype(np.float32)


@pytest.mark.parametrize(("begin", "end"), [(100, 180), (0, 50), (250, 300), (120, 121)])
def test_nothing_changes_outside_of_the_part(begin: int, end: int) -> None:
    x, made = noise(2, 300), noise(2, 300, seed=1)
    result = joined(x, made, begin, end, 16)
    outside = np.r_[0:begin, end:300]
    assert (result[:, outside] == x[:, outside]).all()
    assert result.dtype == np.float32
    # Beyond the fades it is what was made.
    inside = slice(begin + min(16, (end - begin) // 2), end - min(16, (end - begin) // 2))
    assert (result[:, inside] == made[:, inside]).all()


def test_what_agrees_with_the_known_sound_is_taken_as_it_is() -> None:
    x = noise(1, 300)
    assert np.allclose(joined(x, x.copy(), 100, 200, 20), x, atol=1e-7)


def test_a_step_at_the_edge_fades_within_the_part() -> None:
    # What was made is too high by a constant: the first sample of the part is off by nearly none of
    # it, and the middle by all of it.
    x = np.zeros((1, 200), np.float32)
    made = np.full((1, 200), 0.2, np.float32)
    part = joined(x, made, 50, 150, 20)[0, 50:150]
    assert part[0] == pytest.approx(0.2 * 0.5 / 20)
    assert part[-1] == pytest.approx(0.2 * 0.5 / 20)
    assert (part[20:80] == np.float32(0.2)).all()
    assert (np.diff(part[:20]) > 0).all()


def test_the_part_is_limited_to_full_scale() -> None:
    x = np.zeros((1, 100), np.float32)
    assert joined(x, np.full((1, 100), 7.0, np.float32), 40, 60, 2).max() == 1.0


def test_runs_end_where_the_known_samples_begin() -> None:
    # The sound is what was made plus a straight line, so that the join is exact.
    made = noise(1, 200)
    x = made + np.linspace(-0.3, 0.2, 200, dtype=np.float32)
    replaced = np.zeros((1, 200), np.bool_)
    replaced[0, 20:40] = replaced[0, 90:93] = True
    result = runs_joined(np.where(replaced, 9.0, x).astype(np.float32), made, replaced)
    assert np.allclose(result, x, atol=1e-6)
    assert (result[~replaced] == x[~replaced]).all()


def test_a_channel_without_known_samples_is_what_was_made() -> None:
    x, made = noise(2, 50), noise(2, 50, seed=1)
    replaced = np.zeros((2, 50), np.bool_)
    replaced[1] = True
    result = runs_joined(x, made, replaced)
    assert (result[0] == x[0]).all()
    assert (result[1] == made[1]).all()
