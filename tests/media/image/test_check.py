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
    told = json.loads(json.dumps(report.to_json()))
    assert seen[-1] == (6, 6, "reading")
    assert told["count"] == 5
    assert told["settings"]["channels"] == "rgb"
    assert told["labels"] == {"cat": 3, "dog": 2}
    assert told["captions"] == 1
    assert told["groups"] == 5
    assert told["modes"] == {"RGB": 4, "L": 1}
    assert told["widths"] == {"least": 7, "median": 20, "most": 20}
    assert told["heights"] == {"least": 9, "median": 10, "most": 12}
    assert told["duplicates"] == [["dog/a.png", "cat/0.png"]]
    assert told["rejected"] == [{"path": "dog/bad.png", "reason": REASON}]
    assert np.asarray(report.contact_sheet).ndim == 3


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
