from __future__ import annotations

from collections.abc import Callable

import pytest

from sfumato.errors import SettingError
from sfumato.media.audio.quantities import gap_from, hertz_from, seconds_from


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2.0), ("2s", 2.0), (" .5 s ", 0.5), ("50ms", 0.05), ("1.5min", 90.0), ("3.", 3.0)],
)
def test_times(text: str, seconds: float) -> None:
    assert seconds_from(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "gap"), [("1.2-1.5", (1.2, 1.5)), ("0 - 50ms", (0.0, 0.05)), ("1s-1min", (1.0, 60.0))]
)
def test_gaps(text: str, gap: tuple[float, float]) -> None:
    assert gap_from(text) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("text", "hertz"), [("4000", 4000.0), ("4kHz", 4000.0), ("440 hz", 440.0), ("1.5khz", 1500.0)]
)
def test_frequencies(text: str, hertz: float) -> None:
    assert hertz_from(text) == pytest.approx(hertz)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (seconds_from, ""),
        (seconds_from, "-1"),
        (seconds_from, "inf"),
        (seconds_from, "nan"),
        (seconds_from, "1e9"),
        (seconds_from, "2 h"),
        (seconds_from, "9" * 400),
        (gap_from, "1.2"),
        (gap_from, "1-2-3"),
        (gap_from, "2-1"),
        (gap_from, "1-1"),
        (gap_from, "a-b"),
        (gap_from, "1" * 1000 + "-2"),
        (hertz_from, "loud"),
        (hertz_from, "4MHz"),
    ],
)
def test_other_text_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(text)
    assert caught.value.hint
