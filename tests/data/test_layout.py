"""What folders mean: classes, parts of the data, or nothing."""

from __future__ import annotations

import unicodedata

import pytest

from sfumato.data.layout import Folders, Layout


def layout_of(*paths: str) -> Layout:
    folders = Folders()
    for path in paths:
        folders.add(path)
    return folders.layout()


def meanings(*paths: str) -> list[tuple[str | None, bool | None]]:
    layout = layout_of(*paths)
    return [(layout.label(path), layout.held_out(path)) for path in paths]


@pytest.mark.parametrize("head", ["", "photos/", "a/b/"])
def test_classes_and_folders_around_them(head: str) -> None:
    paths = [f"{head}cats/1.png", f"{head}dogs/deep/2.png"]
    assert meanings(*paths) == [("cats", None), ("dogs", None)]


@pytest.mark.parametrize("head", ["", "dataset/"])
@pytest.mark.parametrize("inner", ["", "images/"])
@pytest.mark.parametrize("part", ["test", "Val", "valid", "validation", "dev", "held_out"])
def test_parts_with_classes_below(head: str, inner: str, part: str) -> None:
    paths = [
        f"{head}{folder}/{inner}{name}/1.png"
        for folder in ("train", part)
        for name in ("cats", "dogs")
    ]
    expected = [("cats", False), ("dogs", False), ("cats", True), ("dogs", True)]
    assert meanings(*paths) == expected


def test_classes_with_parts_below() -> None:
    paths = [f"{name}/{part}/1.png" for name in ("cats", "dogs") for part in ("train", "test")]
    expected = [("cats", False), ("cats", True), ("dogs", False), ("dogs", True)]
    assert meanings(*paths) == expected


def test_parts_without_classes() -> None:
    assert meanings("train/1.png", "train/2.png", "test/1.png") == [
        (None, False),
        (None, False),
        (None, True),
    ]


def test_a_part_alone_is_only_a_folder() -> None:
    assert meanings("train/cats/1.png", "train/dogs/1.png") == [("cats", None), ("dogs", None)]
    assert meanings("test/1.png") == [(None, None)]


def test_a_class_named_train() -> None:
    assert meanings("train/1.png", "bus/1.png", "car/1.png")[0] == ("train", None)


@pytest.mark.parametrize("count", [1, 2, 20])
@pytest.mark.parametrize("inner", ["", "unlabelled/"])
def test_a_test_part_without_classes(count: int, inner: str) -> None:
    paths = ["train/cats/1.png", "train/dogs/1.png"]
    paths += [f"test/{inner}{number}.png" for number in range(count)]
    assert meanings(*paths) == [("cats", False), ("dogs", False), *[(None, True)] * count]


@pytest.mark.parametrize("stray", ["s.png", "photos/s.png"])
def test_files_beside_classes(stray: str) -> None:
    paths = ["photos/cats/1.png", "photos/dogs/1.png", stray]
    assert [label for label, _ in meanings(*paths)] == ["cats", "dogs", None]


def test_folders_beside_as_many_files_are_no_classes() -> None:
    layout = layout_of("a/1.png", "b/1.png", "1.png", "2.png")
    assert layout.label("a/1.png") is None and layout.no_classes == 2
    assert layout_of("1.png", "a/2.png").no_classes == 0


def test_names_are_composed() -> None:
    name = unicodedata.normalize("NFD", "Käfer")
    assert layout_of(f"{name}/1.png", "b/1.png").label(f"{name}/1.png") == "Käfer"


def test_names_are_composed_in_both_parts() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))
    found = meanings(f"train/{decomposed}/1.png", "train/b/1.png", f"test/{composed}/1.png")
    assert found == [(composed, False), ("b", False), (composed, True)]


def test_very_deep_folders() -> None:
    path = "/".join(["d"] * 300) + "/1.png"
    assert meanings(path) == [(None, None)]


def test_no_files() -> None:
    assert layout_of() == Layout()
