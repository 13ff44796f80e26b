from __future__ import annotations

import sys

import pytest

from sfumato.errors import MissingExtra
from sfumato.imaging.svg import render_svg_text

HALF = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">
<rect width="10" height="10" fill="#f00"/></svg>"""


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtra, match="resvg-py"):
        render_svg_text(HALF, 8, 10_000)


def test_short_side_and_transparency() -> None:
    pytest.importorskip("resvg_py")
    picture = render_svg_text(HALF, 16, 10_000)
    assert picture.size == (32, 16)
    assert picture.getpixel((8, 8)) == (255, 0, 0, 255)
    assert picture.getpixel((24, 8))[3] == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"<html></html>", "not an SVG"),
        (b"<svg></svg>", "no size"),
        (b'<svg viewBox="0 0 1000000 1"></svg>', "medium.max_pixels"),
        (b'<svg width="0" height="5"></svg>', "no size"),
        (b'<svg viewBox="0 0 9 9"><image href="/etc/passwd"/></svg>', "outside itself"),
        (b"<svg viewBox='0 0 9 9'>" + bytes(9 << 20), "larger than"),
    ],
)
def test_refused(text: bytes, reason: str) -> None:
    pytest.importorskip("resvg_py")
    with pytest.raises(ValueError, match=reason):
        render_svg_text(text, 32, 1_000_000)


def test_what_the_renderer_cannot_do_is_refused() -> None:
    """It panics, which is no exception that one catches by accident."""
    pytest.importorskip("resvg_py")
    text = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><defs><g id="a">
    <circle r="3333333333333332"/></g></defs><use href="#a" x="5" y="5"/></svg>"""
    with pytest.raises(ValueError, match="gave up"):
        render_svg_text(text, 64, 1_000_000)


def test_entity_bomb_is_refused() -> None:
    pytest.importorskip("resvg_py")
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE svg [<!ENTITY e0 "<g/>">{levels}]><svg viewBox="0 0 9 9">&e11;</svg>'
    with pytest.raises(ValueError, match=r".+"):
        render_svg_text(text.encode(), 32, 1_000_000)
