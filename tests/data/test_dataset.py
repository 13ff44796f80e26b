from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sfumato.data.building import build, open_or_build
from sfumato.data.dataset import Dataset, cache_folder
from sfumato.data.index import scan
from sfumato.errors import DataError, DiskFull
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.open import IMAGES
from sfumato.media.image.settings import ImageSettings

MakePicture = Callable[..., Path]
MEDIUM = ImageMedium(ImageSettings(size=8, channels="rgb"))


def opened(tmp_path: Path) -> Dataset:
    return open_or_build(scan(tmp_path / "data", IMAGES), MEDIUM, tmp_path / "cache")


def test_the_array_holds_what_the_medium_reads(tmp_path: Path, make_picture: MakePicture) -> None:
    paths = [make_picture(f"{seed:02d}.png", seed) for seed in range(40)]
    data = opened(tmp_path)
    assert len(data) == 40
    pixels, labels = data.gather([3, 39, 3])
    assert labels is None
    for row, number in zip(pixels, (3, 39, 3), strict=True):
        np.testing.assert_array_equal(row, MEDIUM.read(paths[number]))
    pixels[:] = 0  # a copy: the cache must not change
    np.testing.assert_array_equal(data.gather([3])[0][0], MEDIUM.read(paths[3]))
    assert not data.array.flags.writeable


def test_labels(tmp_path: Path, make_picture: MakePicture) -> None:
    for seed, label in enumerate(["10", "9", "10"]):
        make_picture(f"{label}/{seed}.png", seed)
    data = opened(tmp_path)
    assert data.classes == ("9", "10")  # by number, not by text
    assert data.labels is not None
    assert data.labels.tolist() == [1, 1, 0]
    assert data.gather([2])[1] == np.array([0])


def test_bad_files_are_set_aside(tmp_path: Path, make_picture: MakePicture) -> None:
    good = [make_picture("a.png", 1), make_picture("z.png", 2)]
    make_picture("m.png").write_bytes(b"damaged")
    make_picture("n.jpg").write_bytes(b"")
    events = list(build(scan(tmp_path / "data", IMAGES), MEDIUM, tmp_path / "cache"))
    assert events[-1] == (4, 4, 2)
    assert [event.done for event in events] == [1, 2, 3, 4]
    data = opened(tmp_path)
    assert [item.path for item in data.items] == ["a.png", "z.png"]
    assert {path for path, reason in data.rejected if reason} == {"m.png", "n.jpg"}
    np.testing.assert_array_equal(data.array[1], MEDIUM.read(good[1]))


def test_nothing_left(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("a.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"None of the 1 files.*\n.*not an image"):
        opened(tmp_path)
    assert list((tmp_path / "cache/arrays").iterdir()) == []


def test_a_second_opening_reads_no_picture(
    tmp_path: Path, make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_picture("a.png")
    first = opened(tmp_path)
    monkeypatch.setattr(ImageMedium, "read", None)
    second = opened(tmp_path)
    assert second.items == first.items
    assert second.fingerprint == first.fingerprint


def test_an_edited_file_is_read_again(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("a.ppm", 1)
    before = opened(tmp_path).array.copy()
    path = make_picture("a.ppm", 2)  # of the same size, since PPM is not compressed
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(opened(tmp_path).array, before)


@pytest.mark.parametrize("damage", ["cut", "empty", "lost", "table", "shape"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, make_picture: MakePicture, damage: str) -> None:
    make_picture("a.png", 1)
    make_picture("b.png", 2)
    data = opened(tmp_path)
    expected = data.array.copy()
    array, table = data.folder / "data.npy", data.folder / "table.json"
    if damage == "cut":
        array.write_bytes(array.read_bytes()[:-1])
    elif damage == "empty":
        array.write_bytes(b"")
    elif damage == "lost":
        array.unlink()
    elif damage == "table":
        table.write_text(table.read_text()[:-9])
    else:
        content = json.loads(table.read_text())
        content["items"] -= 1
        table.write_text(json.dumps(content))
    np.testing.assert_array_equal(opened(tmp_path).array, expected)


@pytest.mark.parametrize("name", ["items.npy", "offsets.npy", "labels.npy", "repeats.npy"])
def test_a_lost_column_is_rebuilt(tmp_path: Path, make_picture: MakePicture, name: str) -> None:
    for label in ("cat", "dog"):
        make_picture(f"{label}/1.png", 1)
    data = opened(tmp_path)
    (data.folder / name).unlink()
    again = opened(tmp_path)
    assert (again.folder / name).exists()
    (again.folder / name).unlink()
    os.mkfifo(again.folder / name)  # To open it would wait for a writer.
    again = opened(tmp_path)
    assert (again.folder / name).is_file()
    assert again.items == data.items
    assert again.duplicates(9) == (("dog/1.png", "cat/1.png"),)


def test_a_build_that_stops_leaves_nothing(tmp_path: Path, make_picture: MakePicture) -> None:
    for seed in range(30):
        make_picture(f"{seed}.png", seed)
    index = scan(tmp_path / "data", IMAGES)
    building = build(index, MEDIUM, tmp_path / "cache")
    next(building)
    assert Dataset.open(index, MEDIUM, tmp_path / "cache") is None
    building.close()
    assert list((tmp_path / "cache/arrays").iterdir()) == []


def test_two_builders_at_once(tmp_path: Path, make_picture: MakePicture) -> None:
    for seed in range(30):
        make_picture(f"{seed}.png", seed)
    index = scan(tmp_path / "data", IMAGES)
    slow = build(index, MEDIUM, tmp_path / "cache")
    next(slow)
    fast = opened(tmp_path)
    list(slow)
    assert len(opened(tmp_path)) == len(fast) == 30
    assert [child.name for child in (tmp_path / "cache/arrays").iterdir()] == [fast.folder.name]


def test_no_room(
    tmp_path: Path, make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_picture("a.png")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(DiskFull, match="SFUMATO_CACHE"):
        opened(tmp_path)


def test_settings_and_data_decide_the_place(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("a.png")
    index = scan(tmp_path / "data", IMAGES)
    other = ImageMedium(ImageSettings(size=9, channels="rgb"))
    assert cache_folder(index, MEDIUM, tmp_path) != cache_folder(index, other, tmp_path)


def test_few_items_are_in_memory_at_a_time(
    tmp_path: Path, make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        make_picture(f"{number:02d}.png", number)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    started = 0

    class Counting(ImageMedium):
        def read(self, path: Path, part: int = 0) -> np.ndarray:
            nonlocal started
            started += 1
            return super().read(path)

    building = build(scan(tmp_path / "data", IMAGES), Counting(MEDIUM.settings), tmp_path / "cache")
    next(building)
    assert started <= 9
    building.close()


def test_duplicates_and_groups_stay_on_one_side(tmp_path: Path, make_picture: MakePicture) -> None:
    notes = []
    for number in range(60):
        # 2k and 2k+1 form a group; 2k+1 and 2k+2 look the same for every third k.
        seed = 1000 + number // 2 if number // 2 % 3 == 0 and number % 2 else number
        make_picture(f"{number:02d}.png", seed)
        notes.append(json.dumps({"file_name": f"{number:02d}.png", "group": f"g{number // 2}"}))
    for number in range(1, 58, 6):
        shutil.copy(tmp_path / f"data/{number:02d}.png", tmp_path / f"data/{number + 1:02d}.png")
    (tmp_path / "data/metadata.jsonl").write_text("\n".join(notes))
    data = opened(tmp_path)
    assert len(data.duplicates(99)) == 10
    train, held = data.split(0.3)
    assert sorted([*train, *held]) == list(range(60))
    side = dict.fromkeys(train.tolist(), "train") | dict.fromkeys(held.tolist(), "held")
    for number in range(0, 60, 2):
        assert side[number] == side[number + 1]
    for number in range(1, 58, 6):
        assert side[number] == side[number + 1]
