from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.data import building
from sfumato.data.dataset import Dataset
from sfumato.data.index import scan
from sfumato.imaging.profiles import adobe_rgb
from sfumato.media.image import ImageMedium, ImageSettings, survey
from sfumato.media.image.check import ImageReport
from sfumato.media.image.grey import is_grey
from sfumato.media.image.open import IMAGES
from sfumato.media.image.recipes import unet
from tests.pngs import png


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))


def folder_of(tmp_path: Path, count: int, colour: int | None = None) -> Path:
    """Grey pictures, and a coloured one at a place."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    for number in range(count):
        level = number % 256
        rgb = (level, level, 255) if number == colour else (level, level, level)
        Image.new("RGB", (9, 8), rgb).save(folder / f"{number:04d}.png")
    return folder


def check(folder: Path, **settings: object) -> ImageReport:
    recipe = unet().model_copy(update={"medium": ImageSettings(size=8, **settings)})
    report = ImageMedium.check(folder, recipe)
    assert isinstance(report, ImageReport)
    return report


def rows(report: ImageReport) -> dict[str, str]:
    return dict(report.table())


@pytest.mark.parametrize("colour", [1, 299])
def test_one_picture_in_colour_among_many_is_found(colour: int, tmp_path: Path) -> None:
    """Every second one would not have been enough, as 256 evenly spaced ones of 300 are."""
    folder = folder_of(tmp_path, 300, colour)
    assert check(folder).settings.channels == "rgb"


def test_grey_pictures_are_those_of_the_files_to_the_bit(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 30)
    Image.new("RGBA", (9, 8), (7, 7, 7, 100)).save(folder / "half.png")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 30), dtype=np.uint8)
    Image.fromarray(noise).convert("RGB").save(folder / "photo.jpg", subsampling=2)
    (folder / "bad.png").write_bytes(b"damaged")
    index = scan(folder, IMAGES)
    settings = ImageMedium.resolved(ImageSettings(size=8), index)
    assert settings.channels == "grey"
    medium = ImageMedium(settings)
    made = Dataset.open(index, medium)
    assert made is not None
    read = building.open_or_build(index, medium, tmp_path / "other")
    np.testing.assert_array_equal(made.array, read.array)
    assert made.rejected == read.rejected
    assert made.content == read.content


def test_files_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, 10)
    read: list[Path] = []
    original = ImageMedium.read

    def counted(self: ImageMedium, path: Path, part: int = 0) -> object:
        read.append(path)
        return original(self, path, part)

    monkeypatch.setattr(ImageMedium, "read", counted)
    check(folder)
    assert len(read) == 10
    check(folder)
    assert len(read) == 10
    Image.new("RGB", (9, 8), "red").save(folder / "new.png")
    report = check(folder)
    assert len(read) == 11
    assert report.settings.channels == "rgb"
    assert "1 new (new.png)" in rows(report)["since last read"]


def test_the_answer_is_kept_and_damage_to_it_is_no_matter(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 4)
    index = scan(folder, IMAGES)
    dataset = building.open_or_build(index, ImageMedium(ImageSettings(size=8, channels="rgb")))
    assert is_grey(dataset)
    (dataset.folder / "colour.json").write_text("{}")
    assert is_grey(dataset)


def write_deep(path: Path, *values: int) -> None:
    pixels = np.zeros((8, 9, 1), np.uint16)
    pixels.flat[: len(values)] = values
    path.write_bytes(png(pixels))


def test_the_range_of_deep_samples_is_that_of_all_files(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 2)
    for number in range(100):
        write_deep(folder / f"deep{number:03d}.png", number)
    write_deep(folder / "deep050.png", 4000)
    report = check(folder)
    assert report.survey.deep == 100
    assert "medium.white=4095" in rows(report)["16-bit samples"]
    assert "12 bits" in rows(report)["16-bit samples"]
    assert "white is 4,095" in rows(check(folder, white=4095))["16-bit samples"]
    write_deep(folder / "deep099.png", 60_000)
    assert "medium.white" not in rows(check(folder))["16-bit samples"]


def test_training_says_the_same(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 2)
    write_deep(folder / "deep.png", 1000)
    from sfumato.media.medium import Source
    from sfumato.media.number_data import NumberData

    recipe = unet().model_copy(update={"medium": ImageSettings(size=8)})
    data = [e for e in ImageMedium.open(Source(folder), recipe) if isinstance(e, NumberData)]
    assert "medium.white=1023" in dict(data[0].summary())["16-bit samples"]
    again = list(ImageMedium.open(Source(folder), recipe))
    assert len(again) == 1
    assert "medium.white=1023" in dict(again[0].summary())["16-bit samples"]  # type: ignore[union-attr]


def test_profiles_are_counted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 2)
    Image.new("RGB", (9, 8)).save(folder / "a.png", icc_profile=adobe_rgb())
    Image.new("RGB", (9, 8)).save(folder / "b.jpg", icc_profile=b"damaged")
    Image.new("CMYK", (9, 8)).save(folder / "c.jpg", icc_profile=adobe_rgb())
    report = check(folder)
    assert "1 converted to sRGB: Adobe RGB (1998) 1" in rows(report)["colour profiles"]
    assert "2 ignored: damaged" in rows(report)["colour profiles"]
    told = json.loads(json.dumps(report.to_json()))
    assert told["unusable"] == 2
    assert told["modes"] == {"RGB": 4, "CMYK": 1}


def test_a_folder_is_looked_at_once_for_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, 3)
    looked: list[Path] = []
    original = survey._look

    def counted(path: Path, settings: ImageSettings) -> object:
        looked.append(path)
        return original(path, settings)

    monkeypatch.setattr(survey, "_look", counted)
    first, second = check(folder), check(folder)
    assert len(looked) == 3
    assert first.survey == second.survey
    for place in (tmp_path / "cache").rglob("survey.json"):
        place.write_text("{")
    assert check(folder).survey == first.survey
    assert len(looked) == 6
