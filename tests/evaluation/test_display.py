from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from sfumato.evaluation.display import Line, Plot
from tests.evaluation.reports import HOSTILE


def plot(*lines: Line, title: str = "quality") -> Plot:
    return Plot(title, "lower is better", "evaluations", "distance", lines)


def drawn(*lines: Line) -> ET.Element:
    (picture, legend) = plot(*lines).svg().split("</svg>")
    assert legend.count("<li") == len(lines)
    return ET.fromstring(picture + "</svg>")


def points(element: ET.Element) -> list[tuple[float, float]]:
    pairs = element.attrib["points"].split()
    return [(float(pair.split(",")[0]), float(pair.split(",")[1])) for pair in pairs]


def line_of(picture: ET.Element) -> list[tuple[float, float]]:
    (line,) = picture.iter("polyline")
    return points(line)


def test_greater_is_higher_and_later_is_further_right() -> None:
    found = line_of(drawn(Line("one", (5.0, 8.0, 50.0), (3.0, 2.0, 1.0))))
    across, down = zip(*found, strict=True)
    assert list(across) == sorted(across)
    assert list(down) == sorted(down)
    # In proportion: 8 is 3 of 45 on the way.
    assert (across[1] - across[0]) / (across[2] - across[0]) == pytest.approx(3 / 45, abs=0.01)


def test_a_band_goes_about_its_line() -> None:
    picture = drawn(Line("one", (1.0, 2.0), (5.0, 4.0), low=(4.0, 3.5), high=(7.0, 4.5)))
    (band,) = picture.iter("polygon")
    first, second, *below = points(band)
    line = line_of(picture)
    assert first[1] < line[0][1] < below[1][1]
    assert second[1] < line[1][1] < below[0][1]


@pytest.mark.parametrize(
    "line",
    [
        Line("one point", (1.0,), (2.0,)),
        Line("equal", (1.0, 2.0), (3.0, 3.0)),
        Line("zero", (0.0,), (0.0,)),
        Line("huge", (1.0, 2.0), (1e300, -1e300)),
        Line("tiny", (1e-12, 2e-12), (1e-9, 2e-9)),
        Line("nothing", (), ()),
        Line("no numbers", (1.0, 2.0), (math.nan, math.inf)),
    ],
)
def test_any_numbers_can_be_drawn(line: Line) -> None:
    picture = drawn(line)
    numbers = re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", ET.tostring(picture, "unicode"))
    assert all(math.isfinite(float(number)) for number in numbers)
    assert "nan" not in ET.tostring(picture, "unicode")


def test_what_is_no_number_is_left_out() -> None:
    assert len(line_of(drawn(Line("one", (1.0, 2.0, 3.0), (1.0, math.nan, 2.0))))) == 2


def test_ticks_are_round_and_within_the_frame() -> None:
    picture = drawn(Line("one", (5.0, 50.0), (0.013, 0.087)))
    ticks = [each.text for each in picture.iter("text") if each.attrib.get("class") == "tick"]
    assert {"10", "20", "30", "40", "50"} <= set(ticks)
    assert {"0.02", "0.04", "0.06", "0.08"} <= set(ticks)


def test_names_are_text() -> None:
    html = plot(Line(HOSTILE, (1.0,), (1.0,)), title=HOSTILE).svg()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 2


def test_many_points_have_no_dots() -> None:
    many = tuple(map(float, range(100)))
    assert not list(drawn(Line("one", many, many)).iter("circle"))
    assert len(list(drawn(Line("one", many[:5], many[:5])).iter("circle"))) == 5
