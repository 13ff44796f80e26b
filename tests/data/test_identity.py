"""The decoded items of a folder are its own, whatever the names, sizes and times of its files."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.data import dataset as dataset_module
from sfumato.data.building import build, entries_now, open_or_build
from sfumato.data.dataset import Dataset
from sfumato.data.digests import compare
from sfumato.data.index import scan
from sfumato.errors import DamagedFile, DataError
from sfumato.media.image.medium import ImageMedium, ImageSettings
from sfumato.media.image.open import IMAGES

MakePicture = Callable[..., Path]
MEDIUM = ImageMedium(ImageSettings(size=8, channels="rgb"))
_EARLY = (315532800 * 10**9, 315532800 * 10**9)


class Counting(ImageMedium):
    """Counts what it reads."""

    def __init__(self) -> None:
        super().__init__(MEDIUM.settings)
        self.names: list[str] = []

    def read(self, path: Path, part: int = 0) -> np.ndarray:
        self.names.append(path.name)
        return super().read(path, part)


def opened(folder: Path, reader: ImageMedium = MEDIUM) -> Dataset:
    return open_or_build(scan(folder, IMAGES), reader, folder.parent / "cache")


def read_by(folder: Path) -> tuple[Dataset, list[str]]:
    reader = Counting()
    return opened(folder, reader), sorted(reader.names)


def test_folders_with_equal_names_sizes_and_times(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    for folder, seed in (("red", 0), ("blue", 10)):
        for number in range(4):
            shutil.move(make_picture("x.bmp", seed + number), tmp_path / "x.bmp")
            path = tmp_path / folder / f"{number}.bmp"
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(tmp_path / "x.bmp", path)
            os.utime(path, ns=_EARLY)
    red, blue = opened(tmp_path / "red"), opened(tmp_path / "blue")
    for folder, data in (("red", red), ("blue", blue)):
        for number in range(4):
            expected = MEDIUM.read(tmp_path / folder / f"{number}.bmp")
            np.testing.assert_array_equal(data.array[number], expected)
    assert red.fingerprint == blue.fingerprint
    assert red.content != blue.content


def test_a_file_replaced_with_size_and_time_kept(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("0.bmp", 7)
    path = make_picture("1.bmp", 1)
    os.utime(path, ns=_EARLY)
    before = opened(tmp_path / "data")
    make_picture("1.bmp", 2)
    os.utime(path, ns=_EARLY)
    after, names = read_by(tmp_path / "data")
    assert names == ["1.bmp"]
    np.testing.assert_array_equal(after.array[1], MEDIUM.read(path))
    assert after.content != before.content
    assert after.fingerprint == before.fingerprint
    assert str(after.changes) == "1 changed (1.bmp)"
    assert not opened(tmp_path / "data").changes  # Nothing since.


def test_a_touched_file_alone_is_read_again(tmp_path: Path, make_picture: MakePicture) -> None:
    for number in range(9):
        make_picture(f"{number}.png", number)
    before = opened(tmp_path / "data")
    os.utime(tmp_path / "data/4.png", ns=(1, 1))
    after, names = read_by(tmp_path / "data")
    assert names == ["4.png"]
    assert after.content == before.content
    assert not after.changes
    np.testing.assert_array_equal(after.array, before.array)
    assert read_by(tmp_path / "data")[1] == []


def test_added_and_removed_files(tmp_path: Path, make_picture: MakePicture) -> None:
    for number in range(0, 20, 2):
        make_picture(f"{number:02d}.png", number)
    opened(tmp_path / "data")
    (tmp_path / "data/04.png").unlink()
    make_picture("05.png", 5)
    make_picture("a/b.png", 6)
    after, names = read_by(tmp_path / "data")
    assert names == ["05.png", "b.png"]
    for number, item in enumerate(after.items):
        expected = MEDIUM.read(tmp_path / "data" / item.path)
        np.testing.assert_array_equal(after.array[number], expected)
    assert str(after.changes) == "2 new (05.png, a/b.png), 1 gone (04.png)"


def test_captions_and_broken_files_are_no_content(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    for number in range(3):
        make_picture(f"{number}.png", number)
    (tmp_path / "data/bad.png").write_bytes(b"junk")
    before = opened(tmp_path / "data")
    (tmp_path / "data/bad.png").unlink()
    (tmp_path / "data/1.txt").write_text("a caption")
    after, names = read_by(tmp_path / "data")
    assert names == []
    assert after.content == before.content
    assert after.fingerprint != before.fingerprint
    (tmp_path / "data/metadata.jsonl").write_text('{"file_name": "0.png", "group": "g"}')
    assert opened(tmp_path / "data").content != before.content


def test_further_fields_and_captions_are_cached_and_no_content(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    for name in ("0.png", "1.png"):
        make_picture(name)
    before = opened(tmp_path / "data")
    for age in (1, 2):
        line = {"file_name": "1.png", "age": age, "text": ["a kite", f"kite {age}"]}
        (tmp_path / "data/metadata.jsonl").write_text(json.dumps(line))
        after, names = read_by(tmp_path / "data")
        assert names == []  # The pixels are taken over.
        assert after.content == before.content and not after.changes
        assert [item.fields for item in after.items] == [None, {"age": age}]
        assert after.items[1].captions == ("a kite", f"kite {age}")
        assert after.captions == 1


def test_labels_are_content(tmp_path: Path, make_picture: MakePicture) -> None:
    for name in ("a/0.png", "a/1.png", "b/2.png"):
        make_picture(name)
    before = opened(tmp_path / "data")
    lines = [f'{{"file_name": "{item.path}", "label": "x"}}' for item in before.items]
    (tmp_path / "data/metadata.jsonl").write_text("\n".join(lines))
    after, names = read_by(tmp_path / "data")
    assert names == []
    assert after.content != before.content
    assert after.changes.relabelled.count == 3


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_folder_elsewhere_is_read_again(
    tmp_path: Path, make_picture: MakePicture, how: str
) -> None:
    make_picture("a.png", 1)
    before = opened(tmp_path / "data")
    if how == "moved":
        shutil.move(tmp_path / "data", tmp_path / "there")
    else:
        shutil.copytree(tmp_path / "data", tmp_path / "there")
    after, names = read_by(tmp_path / "there")
    assert names == ["a.png"]
    assert after.content == before.content
    assert after.folder != before.folder


def test_another_folder_in_its_place(tmp_path: Path, make_picture: MakePicture) -> None:
    for seed, name in ((1, "old"), (2, "data")):
        os.utime(make_picture("a.bmp", seed), ns=_EARLY)
        opened(tmp_path / "data")
        if name == "old":
            shutil.move(tmp_path / "data", tmp_path / "old")
    second = opened(tmp_path / "data").content
    shutil.move(tmp_path / "data", tmp_path / "aside")
    shutil.move(tmp_path / "old", tmp_path / "data")
    assert opened(tmp_path / "data").content != second


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("damage", ["bit", "zeros", "swapped"])
def test_damage_of_equal_size_in_the_array(
    tmp_path: Path,
    make_picture: MakePicture,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    large: bool,
) -> None:
    for number in range(4):
        make_picture(f"{number}.png", number)
    data = opened(tmp_path / "data")
    expected = data.array.copy()
    array = np.load(data.folder / "data.npy")
    if damage == "bit":
        array[2, 0, 3, 3] ^= 1
    elif damage == "zeros":
        array[2] = 0
    else:
        array[[1, 2]] = array[[2, 1]]
    np.save(data.folder / "data.npy", array)
    if large:
        monkeypatch.setattr(dataset_module, "_COMPARED_BYTES", 0)
        after = opened(tmp_path / "data")
        after.gather([0, 3])
        with pytest.raises(DamagedFile, match="is damaged") as caught:
            after.gather([0, 2])
        assert "2.png" in caught.value.why
    after, names = read_by(tmp_path / "data")
    assert set(names) <= {"1.png", "2.png"}  # The others are taken over.
    np.testing.assert_array_equal(after.gather(range(4))[0], expected)


@pytest.mark.parametrize(
    "name", ["items", "offsets", "labels", "repeats", "digests", "stats", "sides"]
)
def test_damage_of_equal_size_in_a_column(
    tmp_path: Path, make_picture: MakePicture, name: str
) -> None:
    for number, label in enumerate(("cat", "dog", "cat")):
        make_picture(f"{label}/{number}.png", number % 2)
    data = opened(tmp_path / "data")
    path = data.folder / f"{name}.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    index = scan(tmp_path / "data", IMAGES)
    assert Dataset.open(index, MEDIUM, tmp_path / "cache") is None
    again = opened(tmp_path / "data")
    assert again.content == data.content
    assert again.labels is not None
    assert again.labels.tolist() == [0, 0, 1]


def test_damage_in_the_table(tmp_path: Path, make_picture: MakePicture) -> None:
    for label in ("cat", "dog"):
        make_picture(f"{label}/1.png")
    data = opened(tmp_path / "data")
    table = data.folder / "table.json"
    table.write_text(table.read_text().replace('"cat"', '"cow"'))
    assert opened(tmp_path / "data").classes == ("cat", "dog")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_tried_again(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    make_picture("a.png", 1)
    make_picture("b.png", 2).chmod(0)
    assert [path for path, _ in opened(tmp_path / "data").rejected] == ["b.png"]
    (tmp_path / "data/b.png").chmod(0o644)
    assert len(opened(tmp_path / "data")) == 2


class Unready(Counting):
    """Cannot read one file for a reason of the system."""

    ready = False

    def read(self, path: Path, part: int = 0) -> np.ndarray:
        pixels = super().read(path, part)
        if path.name == "b.png" and not self.ready:
            raise unreadable(path) from OSError(5, "Input/output error")
        return pixels


def unreadable(path: Path) -> DataError:
    return DataError(f"'{path}' cannot be read.", why="Input/output error")


def test_a_reason_that_passes_is_looked_at_again(tmp_path: Path, make_picture: MakePicture) -> None:
    for name in ("a", "b", "c"):
        make_picture(f"{name}.png", ord(name))
    (tmp_path / "data/d.png").write_bytes(b"junk")
    reader = Unready()
    assert len(opened(tmp_path / "data", reader)) == 2
    reader.names.clear()
    assert len(opened(tmp_path / "data", reader)) == 2
    assert set(reader.names) == {"b.png"}  # The broken file stays broken.
    reader.ready = True
    reader.names.clear()
    assert len(opened(tmp_path / "data", reader)) == 3
    assert {"a.png", "c.png"}.isdisjoint(reader.names)


@pytest.mark.parametrize(
    "trouble",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.EBUSY, "Device or resource busy"),
        MemoryError(),
    ],
    ids=["permission", "disk", "busy", "memory"],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_passing_trouble_is_asked_again(
    tmp_path: Path, make_picture: MakePicture, trouble: Exception, wrapped: bool
) -> None:
    class Troubled(ImageMedium):
        """Cannot read one file for a while."""

        is_over = False

        def read(self, path: Path, part: int = 0) -> np.ndarray:
            if path.name == "1.png" and not self.is_over:
                if wrapped:
                    raise DataError("It cannot be read.", why="the share is busy") from trouble
                raise trouble
            return super().read(path, part)

    reader = Troubled(MEDIUM.settings)
    for number in range(3):
        make_picture(f"{number}.png", number)
    for _ in range(2):
        data = opened(tmp_path / "data", reader)
        assert [item.path for item in data.items] == ["0.png", "2.png"]
        assert data.rejected[0].path == "1.png" and data.rejected[0].reason
    reader.is_over = True
    assert len(opened(tmp_path / "data", reader)) == 3


def test_opening_reads_no_files(
    tmp_path: Path, make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_picture("000.png", 0)
    for number in range(1, 300):
        shutil.copy(first, tmp_path / f"data/{number:03d}.png")
    opened(tmp_path / "data")
    names: list[str] = []

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, *args: Any, **kwargs: Any) -> Any:
            names.append(str(file))
            return original(file, *args, **kwargs)

        return call

    monkeypatch.setattr(builtins, "open", counting(open))
    monkeypatch.setattr(io, "open", counting(io.open))
    monkeypatch.setattr(os, "open", counting(os.open))
    index = scan(tmp_path / "data", IMAGES)
    assert Dataset.open(index, MEDIUM, tmp_path / "cache") is not None
    assert not [name for name in names if name.startswith(str(tmp_path / "data"))]
    assert len(names) < 40


def test_entries_are_read_where_nothing_is_cached(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    for number in range(3):
        make_picture(f"{number}.bmp", number)
    cached = list(opened(tmp_path / "data").entries())
    index = scan(tmp_path / "data", IMAGES)
    assert list(entries_now(index, MEDIUM, tmp_path / "none")) == cached
    assert not (tmp_path / "none").exists()
    make_picture("1.bmp", 9)
    reader = Counting()
    now = list(entries_now(scan(tmp_path / "data", IMAGES), reader, tmp_path / "cache"))
    assert reader.names == ["1.bmp"]
    assert str(compare(cached, now)) == "1 changed (1.bmp)"


def test_a_whole_cache_is_not_built_again(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("a.png")
    opened(tmp_path / "data")
    assert list(build(scan(tmp_path / "data", IMAGES), MEDIUM, tmp_path / "cache")) == []
