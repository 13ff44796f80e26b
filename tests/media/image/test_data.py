from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sfumato.errors import DataError, RunError, SettingError
from sfumato.media.image.check import ImageReport
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.image.settings import ImageSettings
from sfumato.media.medium import Data, Reading
from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.model.options import CheckOptions
from sfumato.recipes.recipe import DataSettings
from sfumato.runs.directory import RunDirectory
from sfumato.training import source as reading
from sfumato.training.data import prepare, reopen
from sfumato.training.source import Fetching, located
from sfumato.verbs.check import check, write_sheet

SMALL = ImageSettings(size=16)


def asked(settings: DataSettings) -> ImageRecipe:
    recipe = find("image")
    assert isinstance(recipe, ImageRecipe)
    return recipe.model_copy(update={"medium": SMALL, "data": settings})


def read(events: Iterator[Fetching | Reading | Data]) -> NumberData:
    *_, last = events
    assert isinstance(last, NumberData)
    return last


def test_progress_and_then_the_data(own_pictures: Path) -> None:
    events = list(prepare(own_pictures, asked(DataSettings())))
    assert [
        (e.done, e.total) for e in events[:-1] if isinstance(e, Reading) and e.unit == "files"
    ] == [(done, 12) for done in range(1, 13)]
    data = events[-1]
    assert isinstance(data, NumberData)
    assert sorted([*data.training, *data.held_out]) == list(range(12))
    assert data.facts.classes == ("cat", "dog")
    assert not data.facts.catalogued
    assert len(list(prepare(own_pictures, asked(DataSettings())))) == 1  # from the cache


def test_frequencies_are_those_of_what_is_trained_on(pictures: Path) -> None:
    data = read(prepare(pictures, asked(DataSettings(held_out=0))))
    assert data.facts.frequencies == (0.75, 0.25)


def test_deviation_of_known_pictures(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name, level in (("black", 0), ("white", 255)):
        Image.new("L", (16, 16), level).save(tmp_path / f"a/{name}.png")
    data = read(prepare(tmp_path / "a", asked(DataSettings(held_out=0))))
    # Half of the pixels are -1 and half are 1; torch divides by one less than the count.
    assert data.sigma() == pytest.approx(1.0, abs=2e-3)
    assert data.medium.settings.channels == "grey"


def test_deviation_is_never_zero(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("L", (16, 16), 7).save(tmp_path / "a/b.png")
    assert read(prepare(tmp_path / "a", asked(DataSettings()))).sigma() == 0.5


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "No folder was named"),
        ("openmojji", "did you mean 'openmoji'"),
        ("./nowhere", "check the path"),
        ("~nobody-of-that-name/x", "There is no folder"),
        ("bad\udcff", "not valid UTF-8"),
    ],
)
def test_what_is_no_source(source: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        located(source)


def test_a_catalogued_run_stays_with_the_catalogue(
    tmp_path: Path, pictures: Path, unlabelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the same name that came up later is not mistaken for the data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reading, "fetch", lambda name: SimpleNamespace(path=pictures))
    facts = read(prepare("openmoji", asked(DataSettings()))).facts
    assert (facts.source, facts.catalogued) == ("openmoji", True)
    assert "OpenMoji" in facts.attribution
    Path("openmoji").symlink_to(unlabelled)
    again = read(reopen(RunDirectory(Path("none")), facts, asked(DataSettings()))).facts
    assert again == facts


def test_changed_data_is_told_apart(own_pictures: Path) -> None:
    facts = read(prepare(own_pictures, asked(DataSettings()))).facts
    (own_pictures / "cat/0.png").rename(own_pictures / "dog/9.png")
    with pytest.raises(RunError, match="not what this run began with"):
        read(reopen(RunDirectory(Path("none")), facts, asked(DataSettings())))


class TestChecking:
    def test_it_reports_what_a_run_would_see(self, tmp_path: Path, own_pictures: Path) -> None:
        (own_pictures / "cat/bad.png").write_bytes(b"no picture")
        seen: list[tuple[int, int, str]] = []
        report = check(
            str(own_pictures),
            CheckOptions(settings=["medium.size=16"]),
            lambda *event: seen.append(event),
        )
        assert isinstance(report, ImageReport)
        assert report.labels == {"cat": 9, "dog": 3}
        assert [rejected.path for rejected in report.rejected] == ["cat/bad.png"]
        assert seen[-1] == (13, 13, "reading")
        write_sheet(report, tmp_path / "new/place/sheet.jpeg")
        with Image.open(tmp_path / "new/place/sheet.jpeg") as sheet:
            assert sheet.format == "PNG"
            assert np.array_equal(np.asarray(sheet), np.asarray(report.contact_sheet))

    def test_a_bad_size_is_said_before_anything_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match=r"'medium.size' cannot be 3(.|\n)*8"):
            check(str(tmp_path / "nowhere"), CheckOptions(size=3))
        with pytest.raises(SettingError, match=r"'medium.size' cannot be 3(.|\n)*8"):
            check(str(tmp_path / "nowhere"), CheckOptions(settings=["medium.size=3"]))
