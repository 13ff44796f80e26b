"""docs/architecture.md tells the truth: its floors, its files, the names in its tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sfumato.parts import REGISTRIES
from tests.test_architecture import FLOOR_OF, MODULES, SOURCE

DOCS = Path(__file__).parents[1] / "docs"
ROW = re.compile(r"^\| (.+?) \| \[.+?\]\((\.\./src/.+?)\) \| (.+?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "architecture.md").read_text("utf-8")


def test_the_floors_are_those_of_the_architecture_test(page: str) -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| ", page, re.MULTILINE)
    listed = {room: int(floor) for floor, room in rows}
    # The face imports nothing by itself, and __main__ calls the roof.
    assert listed == {
        room: floor + 1 for room, floor in FLOOR_OF.items() if room not in ("", "__main__")
    }


def test_linked_files_exist(page: str) -> None:
    links = re.findall(r"\]\((\.\./src/[^)]+)\)", page)
    assert len(links) > 40
    assert [link for link in links if not (DOCS / link).is_file()] == []


def test_files_of_the_data_flow_exist(page: str) -> None:
    flow = page.partition("## Data flow")[2].partition("\n## ")[0]
    names = re.findall(
        r"\b[a-z_/]+\.py\b", "\n".join(re.findall(r"```\n(.*?)```", flow, re.DOTALL))
    )
    files = {file.relative_to(SOURCE).as_posix() for file in MODULES.values()}
    assert len(names) > 30
    assert [name for name in names if name not in files and f"evaluation/{name}" not in files] == []


def test_questions_are_answered_by_names_that_exist(page: str) -> None:
    rows = ROW.findall(page)
    assert len(rows) > 20
    for _, file, names in rows:
        source = (DOCS / file).read_text("utf-8")
        for name in re.findall(r"`([\w.]+)`", names):
            for part in name.split("."):
                pattern = rf"^ *(?:(?:def|class) {part}\b|{part}\b[^=\n]*[:=])"
                assert re.search(pattern, source, re.MULTILINE), (file, name)


def test_all_parts_that_can_be_registered_are_listed(page: str) -> None:
    table = page.partition("| base class | named by |")[2].partition("\n\n")[0]
    bases = {registry.base.__name__ for registry in REGISTRIES}
    assert set(re.findall(r"`([A-Z]\w+)`", table)) == {*bases, "Medium"}
