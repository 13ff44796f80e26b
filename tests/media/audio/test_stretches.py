from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from sfumato.media.audio.reader import ClipReader
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.stretches import divided
from sfumato.media.data.building import open_or_build
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.index import Index, scan

MakeSound = Callable[..., Path]
RATE = 4_000


def reader(cut: Literal["start", "all"] = "all") -> ClipReader:
    return ClipReader(AudioSettings(rate=RATE, seconds=0.1, cut=cut, trim=None, level="keep"))


def noise(seconds: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE))


@pytest.fixture
def index(make_sound: MakeSound, tmp_path: Path) -> Index:
    """Ten files of three stretches and a remainder, a short one, and two broken ones."""
    for number in range(10):
        make_sound(f"long-{number}.wav", noise(0.33, number), RATE)
    make_sound("short.wav", noise(0.05, 99), RATE)
    (tmp_path / "data/broken.wav").write_bytes(b"RIFF and no more")
    (tmp_path / "data/none.wav").touch()
    return scan(tmp_path / "data", reader().kind)


def test_a_long_file_becomes_an_item_a_stretch(index: Index) -> None:
    found = divided(index, reader())
    assert [item.name for item in found.items][:5] == [
        "broken.wav", "long-0.wav", "long-0.wav#1", "long-0.wav#2", "long-1.wav",
    ]  # fmt: skip
    assert len(found) == 10 * 3 + 3
    assert {item.group for item in found.items if item.path == "long-7.wav"} == {"long-7.wav"}
    assert (found.fingerprint, found.stamp) == (index.fingerprint, index.stamp)


def test_what_is_cut_once_stays_as_it_is(index: Index) -> None:
    assert divided(index, reader("start")) is index


def test_a_group_of_the_user_s_own_is_kept(make_sound: MakeSound, tmp_path: Path) -> None:
    make_sound("a.wav", noise(0.2), RATE)
    (tmp_path / "data/metadata.jsonl").write_text('{"file_name": "a.wav", "group": "take 1"}\n')
    found = divided(scan(tmp_path / "data", reader().kind), reader())
    assert [(item.part, item.group) for item in found.items] == [(0, "take 1"), (1, "take 1")]


def test_the_parts_are_those_of_the_file_and_the_broken_are_set_aside(
    index: Index, tmp_path: Path
) -> None:
    data = open_or_build(divided(index, reader()), reader(), tmp_path / "cache")
    assert len(data) == 31
    assert sorted(rejected.path for rejected in data.rejected) == ["broken.wav", "none.wav"]
    place = {item.name: number for number, item in enumerate(data.items)}
    whole = noise(0.33, 4)
    for part, name in enumerate(("long-4.wav", "long-4.wav#1", "long-4.wav#2")):
        clip = data.array[place[name], 0] / 32768
        wanted = whole[part * 400 : (part + 1) * 400]
        # But for the fades of 2 ms where the sound goes on.
        assert np.abs(clip - wanted)[8:-8].max() < 1e-4
    again = Dataset.open(divided(index, reader()), reader(), tmp_path / "cache")
    assert again is not None
    assert again.items == data.items


@pytest.mark.parametrize("held_out", [0.1, 0.3, 0.6])
def test_no_file_is_divided_between_training_and_held_out(
    index: Index, tmp_path: Path, held_out: float
) -> None:
    data = open_or_build(divided(index, reader()), reader(), tmp_path / "cache")
    training, unseen = data.split(held_out)
    known, others = ({data.items[number].path for number in part} for part in (training, unseen))
    assert known
    assert others
    assert not known & others
    assert len(training) + len(unseen) == 31
