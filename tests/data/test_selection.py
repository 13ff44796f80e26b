"""Patterns of files to include and to exclude."""

from __future__ import annotations

import unicodedata

import pytest

from sfumato.data.selection import Chooser, Patterns, Selection


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.png", "a/b/c.png", True),
        ("*.png", "a/b/c.PNG", False),
        ("cats/*.png", "cats/1.png", True),
        ("cats/*.png", "cats/deep/1.png", False),
        ("cats/*.png", "all/cats/1.png", False),
        ("cats/**", "cats/deep/1.png", True),
        ("**/old/*", "a/b/old/1.png", True),
        ("**/old/*", "old/1.png", True),
        ("**/old/*", "bold/1.png", False),
        ("cats", "cats/deep/1.png", True),
        ("cats/", "cats/1.png", True),
        ("cats", "all/cats/1.png", True),
        ("/cats", "all/cats/1.png", False),
        ("./cats/1.png", "cats/1.png", True),
        ("cats\\1.png", "cats/1.png", True),
        ("img_?.png", "img_7.png", True),
        ("img_?.png", "img_77.png", False),
        ("img_[0-4].png", "img_5.png", False),
        ("img_[!0-4].png", "img_5.png", True),
        ("[z-a].png", "[z-a].png", True),
        ("a.b", "aXb", False),
        ("(a|b)+", "(a|b)+", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert Patterns((pattern,)).match(path) == matches


def test_composed_and_decomposed_names() -> None:
    name = "Käfer/1.png"
    assert Patterns((unicodedata.normalize("NFC", "Käfer/*"),)).match(
        unicodedata.normalize("NFD", name)
    )


def test_exclusion_wins_and_patterns_without_files_are_named() -> None:
    chooser = Chooser(Selection(include=("*.png", "*.gif"), exclude=("b*", "c*")))
    paths = ["a.png", "b.png", "a.jpg"]
    assert [path for path in paths if chooser.includes(path)] == ["a.png"]
    assert list(chooser.unmatched()) == [("include", "*.gif"), ("exclude", "c*")]


def test_without_patterns_everything_is_looked_at() -> None:
    chooser = Chooser(Selection())
    assert chooser.includes("x") and not chooser.excludes("x") and not list(chooser.unmatched())
