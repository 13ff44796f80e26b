from __future__ import annotations

from pathlib import Path

import pytest

from sfumato.data.selection import Selection
from sfumato.data.survey import Survey, survey
from sfumato.errors import DataError
from sfumato.media.image.open import IMAGES


def test_captions_and_labels_are_counted(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "dog/3.png", "4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"not an image at all")  # It is not opened.
    assert survey(tmp_path, IMAGES) == Survey(items=4, captioned=0, labelled=3)
    (tmp_path / "cat/1.txt").write_text("a cat")
    (tmp_path / "cat/2.txt").write_text(" ")
    lines = '{"file_name": "4.png", "caption": "a kite"}\n{"file_name": "dog/3.png", "label": 1}'
    (tmp_path / "metadata.jsonl").write_text(lines)
    assert survey(tmp_path, IMAGES) == Survey(items=4, captioned=2, labelled=1)
    assert survey(tmp_path, IMAGES, Selection(exclude=("cat",))) == Survey(2, 1, 1)


def test_a_folder_without_items(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are no images"):
        survey(tmp_path, IMAGES)
