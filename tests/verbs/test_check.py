"""A look at data before training: the report of each medium, and what is refused unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.media.audio.check import AudioReport
from sfumato.media.image.check import ImageReport
from sfumato.media.report import Report
from sfumato.media.text.check import TextReport
from sfumato.model.options import CheckOptions
from sfumato.verbs.check import check, write_sheet


def counted(report: Report, count: str) -> int:
    content = report.to_json()
    found = json.loads(json.dumps(content, allow_nan=False))[count]
    assert isinstance(found, int)
    return found


def test_the_medium_is_that_of_the_data(
    pictures: Path, sounds: Path, records: Path, tmp_path: Path
) -> None:
    images = check(str(pictures), CheckOptions(size=16))
    assert isinstance(images, ImageReport)
    assert (counted(images, "count"), images.labels) == (12, {"cat": 9, "dog": 3})
    clips = check(str(sounds), CheckOptions(settings=["medium.rate=4000", "medium.seconds=0.25"]))
    assert isinstance(clips, AudioReport)
    assert (counted(clips, "count"), clips.labels) == (12, {"high": 6, "low": 6})
    texts = check(str(records), CheckOptions(label_field="parity"))
    assert isinstance(texts, TextReport)
    assert (counted(texts, "documents"), texts.labels) == (80, {"even": 60, "odd": 20})

    for report in (images, clips):
        path = tmp_path / "new/place/sheet.png"
        assert write_sheet(report, path) == path
        with Image.open(path) as picture:
            assert picture.format == "PNG"
    assert write_sheet(texts, tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_progress_comes_with_the_unit(unlabelled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for path in unlabelled.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    events: list[tuple[int, int, str]] = []
    check(str(folder), CheckOptions(size=16), lambda *event: events.append(event))
    assert events[-1] == (6, 6, "reading")
    assert [done for done, *_ in events] == sorted(done for done, *_ in events)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CheckOptions(label_field="parity"), "'label_field' is not for images"),
        (CheckOptions(recipe="audio", size=16), "'size' is not for audio clips"),
        (CheckOptions(recipe="imgae"), "did you mean 'image'"),
        (CheckOptions(size=3), "'medium.size' cannot be 3"),
        (CheckOptions(settings=["medium.sise=16"]), "did you mean 'medium.size'"),
    ],
)
def test_options_are_refused_before_anything_is_read(options: CheckOptions, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        check("nowhere/images", options)


def test_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check(str(tmp_path / "nowhere"), CheckOptions())
