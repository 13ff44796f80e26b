"""Whatever a name contains, it stays a name where it is shown."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

from sfumato.escaping import (
    escape_html,
    escape_json,
    escape_line,
    escape_markdown,
    escape_text,
    markdown_code,
)

HIDDEN = {
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "a\nb\rc\td": "a\\nb\\rc\\td",
    "\x1b]8;;http://x\x07link": "\\x1b]8;;http://x\\x07link",
    "\x9b31m\x85\x9d": "\\x9b31m\\x85\\x9d",
    "gnp.\u202egood": "gnp.\\u202egood",
    "\u2066\u2069\u200f\u061c": "\\u2066\\u2069\\u200f\\u061c",
    "a\u2028b\u2029c": "a\\u2028b\\u2029c",
    "a\u200bb\ufeff\u2060": "a\\u200bb\\ufeff\\u2060",
    "\x00\x08\x7f": "\\x00\\x08\\x7f",
    "a\udcffb": "a\\udcffb",
}


@pytest.mark.parametrize("text", HIDDEN)
def test_a_line_shows_what_is_hidden(text: str) -> None:
    assert escape_line(text) == HIDDEN[text]
    assert escape_line(escape_line(text)) == escape_line(text)


def test_every_control_is_shown() -> None:
    everything = "".join(map(chr, range(0x110000)))
    shown = escape_line(everything)
    bidirectional = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [c for c in shown if unicodedata.bidirectional(c) in bidirectional]
    assert shown.splitlines() == [shown]
    kept = [c for c in escape_text(everything) if unicodedata.category(c) == "Cc"]
    assert kept == ["\t", "\n"]


@pytest.mark.parametrize(
    "text", ["größer", "日本語", "👩‍🚀", "نام‌ها", "a b", "C:\\x", "e\u0301", "﷽"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert escape_line(text) == escape_text(text) == text
    assert escape_json(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)


def test_a_text_keeps_its_lines() -> None:
    assert escape_text("a\n\tb\r\nc\rd\x1b") == "a\n\tb\nc\\rd\\x1b"


@pytest.mark.parametrize("text", HIDDEN)
def test_json_stays_the_same_value(text: str) -> None:
    value = {"name": text, text: [1]}
    shown = escape_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(shown) == value
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", shown)


def test_html() -> None:
    text = "<script>\"'&\x1b\u202e</script>"
    assert escape_html(text) == ("&lt;script&gt;&quot;&#x27;&amp;\\x1b\\u202e&lt;/script&gt;")


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[a](b) ![c](d)", r"\[a\](b) \!\[c\](d)"),
        ("`code` *b* _i_ ~s~", r"\`code\` \*b\* \_i\_ \~s\~"),
        ("a\n# b\n| c |", r"a\\n\# b\\n\| c \|"),
        ("\\", "\\\\"),
        ("- a - b", r"\- a - b"),
        ("===", r"\==="),
        ("  + a", r"  \+ a"),
        ("12. a 3. b", r"12\. a 3. b"),
        ("1) a", r"1\) a"),
        ("$x$", r"\$x\$"),
        ("&amp;", "&amp;amp;"),
    ],
)
def test_markdown(text: str, markdown: str) -> None:
    assert escape_markdown(text) == markdown


def test_code_in_markdown_cannot_end() -> None:
    assert markdown_code("image-transformer 2") == "`image-transformer 2`"
    assert markdown_code("a`b\n<c>") == r"a\`b\\nc".replace("c", "&lt;c&gt;")
