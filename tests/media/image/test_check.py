from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.media.image.check import ImageReport
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.recipes import unet
from sfumato.media.image.settings import ImageSettings

MakePicture = Callable[..., Path]


def check(
    folder: Path, settings: ImageSettings, progress: Callable[[int, int, str], None] | None = None
) -> ImageReport:
    recipe = unet().model_copy(update={"medium": settings})
    report = ImageMedium.check(folder, recipe, progress)
    assert isinstance(report, ImageReport)
    return report


REASON = "not an image in a known format: it is plain text"


def test_report(tmp_path: Path, make_picture: MakePicture) -> None:
    for seed in range(3):
        make_picture(f"cat/{seed}.png", seed, size=(10 + seed, 20))
    make_picture("dog/a.png", 0, size=(10, 20))  # the same as cat/0.png
    (tmp_path / "data/dog/a.txt").write_text("a dog")
    make_picture("dog/bad.png").write_bytes(b"damaged")
    Image.new("L", (7, 9)).save(tmp_path / "data/dog/grey.png")
    seen: list[tuple[int, int, str]] = []
    report = check(tmp_path / "data", ImageSettings(size=8), lambda *event: seen.append(event))
    plain = json.loads(json.dumps(report.to_json()))
    assert seen[-1] == (6, 6, "reading")
    assert plain["count"] == 5
    assert plain["settings"]["channels"] == "rgb"
    assert plain["labels"] == {"cat": 3, "dog": 2}
    assert plain["captions"] == 1
    assert plain["groups"] == 5
    assert plain["modes"] == {"RGB": 4, "L": 1}
    assert plain["widths"] == {"least": 7, "median": 20, "most": 20}
    assert plain["heights"] == {"least": 9, "median": 10, "most": 12}
    assert plain["duplicates"] == [["dog/a.png", "cat/0.png"]]
    assert plain["rejected"] == [{"path": "dog/bad.png", "reason": REASON}]
    assert np.asarray(report.contact_sheet).ndim == 3


def test_tables_that_are_not_metadata_are_named_with_what_is(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    make_picture("a.png")
    (tmp_path / "data/labels.csv").write_text("file_name,label\na.png,cat\n")
    rows = dict(check(tmp_path / "data", ImageSettings(size=8)).table())
    assert rows["not looked at"] == (
        "1 x .csv\n.csv: labels and captions are read from metadata.jsonl or metadata.csv or "
        "metadata.tsv"
    )
    (tmp_path / "data/metadata.csv").write_text("file_name,label\na.png,cat\n")
    rows = dict(check(tmp_path / "data", ImageSettings(size=8)).table())
    assert rows["not looked at"] == "1 x .csv"


def test_files_that_only_metadata_name_are_not_counted(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    make_picture("a.png")
    (tmp_path / "data/metadata.csv").write_text("file_name,label\na.png,cat\ngone.png,dog\n")
    rows = dict(check(tmp_path / "data", ImageSettings(size=8)).table())
    assert rows["pictures"] == "1 of 1 files can be used"
    assert rows["set aside"] == "1\ngone.png: named in metadata.csv but not found"


def test_drawings_have_no_pixels(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
        '<rect width="9" height="9" fill="lime"/></svg>'
    )
    report = check(tmp_path / "data", ImageSettings(size=8))
    assert report.survey.modes == {"SVG": 1}
    assert report.survey.widths is None
    assert np.asarray(report.contact_sheet)[50, 50].tolist() == [0, 255, 0]
