from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from sfumato.imaging.drawing import DEPTH_LIMIT, read_drawing

_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawing(body: str, head: str = f'{_HEAD} viewBox="0 0 9 9">') -> bytes:
    return f"{head}{body}</svg>".encode()


def test_a_drawing_is_written_as_it_was() -> None:
    body = (
        '<g id="a" fill="#f00"><path d="M0 0L1 1"/></g><use xlink:href="#a"/><text>a &lt; b</text>'
    )
    text, aspect = read_drawing(drawing(body))
    assert '<path d="M0 0L1 1"></path>' in text
    assert '<use xlink:href="#a">' in text
    assert "a &lt; b" in text
    assert aspect == 1.0


def test_short_entities_are_replaced() -> None:
    """Old versions of Illustrator write the names of their namespaces so."""
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
        '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" '
        '[<!ENTITY ns_svg "http://www.w3.org/2000/svg">]>'
        '<svg xmlns="&ns_svg;" width="4" height="2"><title>\xe4</title></svg>'
    )
    written, aspect = read_drawing(text.encode("latin-1"))
    assert written == (
        '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><title>\xe4</title></svg>'
    )
    assert aspect == 2.0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    text = '<?xml version="1.0"?><svg viewBox="0 0 2 1"><text>größe</text></svg>'
    assert "größe" in read_drawing(text.encode(encoding)).text


def test_links_of_readers_are_removed() -> None:
    text = read_drawing(drawing('<a xlink:href="https://example.org"><g/></a>')).text
    assert "example" not in text
    assert "<a><g></g></a>" in text


_OUTSIDE = [
    '<image href="/etc/passwd"/>',
    "<image href='file:///dev/zero'/>",
    '<image xlink:href="../secret.png"/>',
    '<image href="&#47;etc/passwd"/>',
    '<image href=" \n /etc/passwd"/>',
    '<image href="https://example.org/a.png"/>',
    '<image HREF="x" href="c.png"/>',
    '<filter><feImage href="/dev/zero"/></filter>',
    '<filter><feImage xlink:href="fifo"/></filter>',
    '<x:image xmlns:x="http://www.w3.org/2000/svg" href="a.png"/>',
    '<image xmlns:y="http://www.w3.org/1999/xlink" y:href="a.png"/>',
    '<use href="other.svg#a"/>',
    '<image href="data:image/svg+xml;base64,PHN2Zz4="/>',
    '<image href="DATA:text/plain,<svg/>"/>'.replace("<svg/>", "x"),
    '<image href="data:;base64,AAAA"/>',
    '<rect style="fill:url(file:///etc/passwd)"/>',
    "<rect style=\"fill:URL( 'a.svg#b')\"/>",
    '<rect fill="url(a.svg#b)"/>',
    '<rect style="fill:u\\72l(a.svg)"/>',
    '<rect style="fill:u/**/rl(a.svg)"/>',
    '<style>@import "a.css";</style>',
    "<style><![CDATA[@IMPORT url(a.css);]]></style>",
    "<style>@\\69mport 'a.css';</style>",
    "<style>@font-face { src: url('font.ttf') }</style>",
    '<script src="a.js"/>',
    f"<style>{'a' * 8190}@import 'a.css';</style>",
    "<style>@im<g/>port 'a.css';</style>",
]


@pytest.mark.parametrize("body", _OUTSIDE)
def test_what_leads_out_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="outside itself"):
        read_drawing(drawing(body))


@pytest.mark.parametrize(
    "body",
    [
        '<image href="data:image/png;base64,AAAA"/>',
        '<image xlink:href="data:image/jpeg;base64,AA\nAA"/>',
        '<image href=""/>',
        '<rect fill="url(#a)" style="filter: url( \'#b\' )"/>',
        "<style>@font-face { src: url(data:font/woff2;base64,AA) } .a { fill: url(#b) }</style>",
        "<text>write url(a.svg) or @import</text>",
        "<!-- <image href='/etc/passwd'/> -->",
    ],
)
def test_what_stays_inside_is_read(body: str) -> None:
    assert read_drawing(drawing(body)).aspect == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '<!DOCTYPE svg [<!ENTITY a SYSTEM "/etc/passwd">]><svg viewBox="0 0 1 1">&a;</svg>',
            "out",
        ),
        ('<!DOCTYPE svg [<!ENTITY % a SYSTEM "x">%a;]><svg viewBox="0 0 1 1"/>', "outside"),
        ('<!DOCTYPE svg [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><svg viewBox="0 0 1 1"/>', "nested"),
        ('<?xml-stylesheet href="a.css"?><svg viewBox="0 0 1 1"/>', "style sheet"),
        ("<html><svg viewBox='0 0 1 1'/></html>", "not an SVG"),
        ("", "not an SVG"),
        ("hello", "not an SVG"),
        ('<svg viewBox="0 0 1 1"><g></svg>', "damaged XML"),
        ('<svg viewBox="0 0 1 1"><g a="1" a="2"/></svg>', "damaged XML"),
        ('<svg viewBox="0 0 1 1">&nothing;</svg>', "damaged XML"),
        ("<svg/>", "no size"),
        ('<svg width="1e99" height="1"/>', "no size"),
        (f'<svg width="{"1" * 5000}" height="1"/>', "no size"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_drawing(text.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        read_drawing(drawing("<g/>") + b"\xff\xfe\x80")


def test_entities_cannot_make_a_large_drawing() -> None:
    head = f'<!DOCTYPE svg [<!ENTITY a "{"x" * 1000}">]>'
    with pytest.raises(ValueError, match="entities"):
        read_drawing(f'{head}<svg viewBox="0 0 1 1">{"&a;" * 100_000}</svg>'.encode())


def test_depth_and_attributes_are_limited() -> None:
    def nested(depth: int) -> bytes:
        return drawing("<g>" * depth + "</g>" * depth)

    read_drawing(nested(DEPTH_LIMIT - 1))
    with pytest.raises(ValueError, match="nested more than 200 deep"):
        read_drawing(nested(DEPTH_LIMIT))
    wide = " ".join(f'a{number}="1"' for number in range(10_000))
    with pytest.raises(ValueError, match="more than 500 attributes"):
        read_drawing(drawing(f"<rect {wide}/>"))


_GROWING: dict[str, Callable[[int], str]] = {
    "roots": lambda n: "<svg " * n,
    "root of attributes": lambda n: "<svg " + " ".join(f'a{k}="1"' for k in range(n)) + ">",
    "elements": lambda n: f"<svg viewBox='0 0 1 1'>{'<g/>' * n}</svg>",
    "nested": lambda n: f"<svg viewBox='0 0 1 1'>{'<g>' * n}",
    "text": lambda n: f"<svg viewBox='0 0 1 1'><style>{'u/*' * n}</style></svg>",
    "escapes": lambda n: f"<svg viewBox='0 0 1 1'><style>{chr(92) * 2 * n}</style></svg>",
    "urls": lambda n: f"<svg viewBox='0 0 1 1'><style>{'url(' * n}#</style></svg>",
    "url of blanks": lambda n: f"<svg viewBox='0 0 1 1'><style>url({' ' * n}</style></svg>",
    "blanks": lambda n: " " * n,
    "references": lambda n: f"<svg viewBox='0 0 1 1'>{'&lt;' * n}</svg>",
    "numbers": lambda n: f"<svg viewBox='{'1 ' * n}'/>",
    "declaration": lambda n: "<?xml " + "encoding" * n,
    "comments": lambda n: f"<svg viewBox='0 0 1 1'>{'<!--a-->' * n}</svg>",
    "doctype": lambda n: f"<!DOCTYPE svg [{'<!ENTITY a ' * n}",
}


@pytest.mark.parametrize("name", _GROWING)
def test_time_grows_no_faster_than_the_drawing(name: str) -> None:
    def seconds(n: int) -> float:
        data = _GROWING[name](n).encode()
        start = time.process_time()
        with suppress(ValueError):
            read_drawing(data)
        return time.process_time() - start

    once, twice = seconds(50_000), seconds(100_000)
    assert twice < 0.3 or twice < 3 * once
