"""Text of unknown origin, made safe to show on a terminal, in Markdown, in HTML and in JSON.

Names of files, labels, captions and texts can hold control characters, which colour or clear a
terminal, line breaks, which forge a line of a report, and marks of direction, which show a name
backwards. They are shown as escapes such as ``\\x1b`` and ``\\u202e``, as ``ls`` does.

Joiners of emoji and of Persian or Indic letters are not escaped.
"""

from __future__ import annotations

import html
import re

# Controls of ASCII and of ISO 8859, marks and controls of direction, separators of lines and of
# paragraphs, characters without width that join nothing, and halves of surrogate pairs.
_HIDDEN = (
    "\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"
)
_IN_A_LINE = re.compile(f"[\x00-\x1f{_HIDDEN}]")
_IN_A_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f{_HIDDEN}]")
_PLAIN = re.compile(r"[\w.:/ -]+", re.ASCII)
_MARKDOWN = re.compile(r"[\\`*_\[\]{}|~#!$]|^\s*[-+=]|^\s*\d+[.)]")


def escape_line(text: str) -> str:
    """Text for one line of a terminal or a table: no character leaves the line or the cell."""
    return _IN_A_LINE.sub(_escaped, text)


def escape_text(text: str) -> str:
    """Text for several lines of a terminal: its line breaks and tabs stay."""
    return _IN_A_TEXT.sub(_escaped, text.replace("\r\n", "\n"))


def escape_json(text: str) -> str:
    """JSON for a terminal: the same value, with hidden characters as escapes of JSON."""
    return _IN_A_TEXT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_html(text: str) -> str:
    """Text as HTML, also for the value of an attribute; line breaks stay."""
    return html.escape(escape_text(text))


def escape_markdown(text: str) -> str:
    """Text for a line or a table cell of Markdown, which no sign in it formats.

    Signs of lists and headings are escaped at the beginning, all others everywhere.
    """
    escaped = _MARKDOWN.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", escape_line(text))
    return html.escape(escaped, quote=False)


def markdown_code(text: str) -> str:
    """A name as code within a line of Markdown; as plain text if it could end the code."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else escape_markdown(text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
