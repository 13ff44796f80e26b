"""docs/training-step.md quotes the source: files, lines and names have to be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["training-step.md", "trainer.md"]
LINK = re.compile(r"\]\((\.\./src/[^)]+)\)")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def lines_of(code: str) -> list[str]:
    """Lines without spaces and the comments behind them: a formatter may break them elsewhere."""
    return ["".join(line.split("  #")[0].split()) for line in code.splitlines()]


@pytest.mark.parametrize("name", PAGES)
def test_linked_files_exist(name: str) -> None:
    links = LINK.findall(page(name))
    assert len(links) > 5
    assert [link for link in links if not (DOCS / link).is_file()] == []


def test_quoted_lines_are_in_the_file_that_the_heading_names() -> None:
    quoted, missing = 0, []
    for section in re.split(r"^##+ ", page("training-step.md"), flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        for block in re.findall(r"```python\n(.*?)```", body, flags=re.DOTALL):
            (file,) = LINK.findall(heading)
            source = "".join(lines_of((DOCS / file).read_text("utf-8")))
            lines = lines_of(block)
            quoted += len(lines)
            missing += [(file, line) for line in lines if line not in source]
    assert missing == []
    assert quoted > 50


def test_questions_are_answered_by_names_that_exist() -> None:
    rows = re.findall(
        r"^\| .+? \| .*?\((\.\./src/.+?)\) \| (.+?) \|$", page(PAGES[0]), re.MULTILINE
    )
    assert len(rows) > 20
    for file, names in rows:
        for name in re.findall(r"`(\w+)`", names):
            pattern = rf"(def|class) {name}\b"
            assert re.search(pattern, (DOCS / file).read_text("utf-8")), (file, name)
