"""Pairs on the disk: which files are found and how they are read, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import DataError
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.recipes import override
from sfumato.training.data import prepare

Pictures = Callable[..., Path]


@pytest.fixture
def recipe(tiny: tuple[str, ...]) -> ImageRecipe:
    changes = ("conditions.sketch.kind=pair", "data.held_out=0")
    return override(find("image"), [*tiny, *changes])


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photographs, each with a sketch."""
    for number in range(4):
        picture(tmp_path / f"data/photos/{number}.png", number)
        picture(tmp_path / f"data/sketch/{number}.png", 100 + number)
    return tmp_path / "data"


def read(folder: Path, recipe: ImageRecipe) -> NumberData:
    *_, last = prepare(folder, recipe)
    assert isinstance(last, NumberData)
    return last


def seeds(data: NumberData, count: int = 200) -> dict[str, int | None]:
    """The seed that the pair of each item was drawn from."""
    made = {
        np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8).tobytes(): seed
        for seed in range(count)
    }
    sketch, pairs = data.conditions["sketch"], data.pairs["sketch"]
    found: dict[str, int | None] = {}
    for item in data.dataset.items:
        value = sketch.value(item, "sketch")
        found[item.path] = None
        if value is not None:
            shape = data.medium.decode(pairs.source(data.medium)([value]))
            found[item.path] = made[shape.tobytes()]
    return found


def test_each_item_has_its_own(folder: Path, recipe: ImageRecipe) -> None:
    data = read(folder, recipe)
    assert seeds(data) == {f"photos/{number}.png": 100 + number for number in range(4)}
    assert data.facts.examples == ()
    assert data.settled().conditions["sketch"].input().channels_beside == 4


def test_items_without_one_are_unknown(folder: Path, recipe: ImageRecipe) -> None:
    (folder / "sketch/2.png").unlink()
    assert seeds(read(folder, recipe))["photos/2.png"] is None
    found = ImageMedium.check(folder, recipe).to_json()["conditions"]
    assert [(one["count"], one["total"], one["missing"]) for one in found] == [
        (3, 4, ("photos/2.png",))
    ]


def test_too_few_are_refused(folder: Path, recipe: ImageRecipe) -> None:
    for number in (0, 1, 2):
        (folder / f"sketch/{number}.png").unlink()
    with pytest.raises(DataError, match=r"Only 1 of 4 items .*\n.*\n.*into the folder 'sketch'"):
        read(folder, recipe)
    (folder / "sketch/3.png").unlink()
    with pytest.raises(DataError, match="Only 0 of 4"):
        read(folder, recipe)


def test_damaged_ones_are_named(folder: Path, recipe: ImageRecipe) -> None:
    (folder / "sketch/1.png").write_bytes(b"no picture")
    data = read(folder, recipe)
    assert seeds(data)["photos/1.png"] is None
    assert [one.path for one in data.dataset.rejected] == ["sketch/1.png"]


def test_metadata_name_files_in_the_folder(folder: Path, recipe: ImageRecipe) -> None:
    picture(folder.parent / "secret.png", 7)
    lines = [
        "file_name,sketch,year",
        "photos/0.png,3.png,1900",
        "photos/1.png,../secret.png,1901",
        f"photos/2.png,{folder.parent / 'secret.png'},1902",
    ]
    (folder / "metadata.csv").write_text("\n".join(lines))
    data = read(folder, recipe)
    assert seeds(data) == {
        "photos/0.png": 103, "photos/1.png": None, "photos/2.png": None, "photos/3.png": 103,
    }  # fmt: skip
    assert [one.path for one in data.dataset.rejected] == ["photos/1.png", "photos/2.png"]
    assert (data.dataset.items[0].fields or {})["year"] in ("1900", 1900)


def test_links_out_of_the_folder_are_not_followed(folder: Path, recipe: ImageRecipe) -> None:
    outside = picture(folder.parent / "outside.png", 9)
    (folder / "sketch/0.png").unlink()
    (folder / "sketch/0.png").symlink_to(outside)
    data = read(folder, recipe)
    assert seeds(data)["photos/0.png"] is None
    assert ("sketch/0.png", "a link that leaves the folder") in data.dataset.rejected
    (folder / "sketch").rename(folder.parent / "elsewhere")
    (folder / "sketch").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(DataError, match="leads out of"):
        read(folder, recipe)


def test_folders_with_the_signs_of_patterns(folder: Path, tiny: tuple[str, ...]) -> None:
    (folder / "sketch").rename(folder / "[s]*")
    picture(folder / "s/9.png", 9)
    changes = ("conditions.sketch.kind=pair", "conditions.sketch.folder=[s]*")
    data = read(folder, override(find("image"), [*tiny, *changes]))
    assert len(data.dataset) == 5
    assert seeds(data)["photos/0.png"] == 100


def test_the_digest_is_that_of_their_content(folder: Path, recipe: ImageRecipe) -> None:
    digests = []

    def digest(place: Path) -> str:
        digests.append(read(place, recipe).conditions["sketch"].digest)
        return digests[-1]

    first = digest(folder)
    folder.rename(folder.with_name("moved"))
    assert digest(folder.with_name("moved")) == first
    picture(folder.with_name("moved") / "sketch/0.png", 55)
    assert digest(folder.with_name("moved")) != first


def test_their_decoded_files_are_kept(
    folder: Path, recipe: ImageRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(folder, recipe)

    def refuse(medium: ImageMedium, path: Path, part: int = 0) -> NDArray[np.uint8]:
        raise AssertionError(path)

    monkeypatch.setattr(ImageMedium, "read", refuse)
    assert seeds(read(folder, recipe))["photos/0.png"] == 100
