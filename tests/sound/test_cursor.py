from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.sound import cursor
from sfumato.sound.cursor import LongFile, LongFiles
from sfumato.sound.open import audio_blocks, read_audio
from sfumato.sound.source import Block

MakeSound = Callable[..., Path]
RATE = 8_000
STEPS = np.random.default_rng(0).integers(-16_000, 16_000, (2, 20 * RATE)).astype(np.int16)
EXACT = STEPS.astype(np.float32) / 32768


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of samples of every block that is decoded."""
    counts: list[int] = []

    def counting(path: Path, most: float, start: float = 0.0) -> Iterator[Block]:
        for block in audio_blocks(path, most, start):
            counts.append(len(block))
            yield block

    monkeypatch.setattr(cursor, "audio_blocks", counting)
    return counts


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_stretches_are_those_of_the_whole(make_sound: MakeSound, suffix: str) -> None:
    path = make_sound(f"a.{suffix}", STEPS, RATE)
    whole = read_audio(path, 60).samples
    file = LongFile(path, 2, 60)
    for begin in (0, 800, 8_000, 4_000, 120_000, 3, 159_000, 0):
        np.testing.assert_array_equal(file.read(begin, 900), whole[:, begin : begin + 900])
    assert file.read(whole.shape[1] - 10, 900).shape == (2, 10)
    with pytest.raises(DataError) as caught:
        file.read(whole.shape[1], 900)
    assert "ends before" in caught.value.why


def test_every_block_is_decoded_once(make_sound: MakeSound, decoded: list[int]) -> None:
    file = LongFile(make_sound("a.wav", STEPS, RATE), 2, 60)
    for begin in range(0, 20 * RATE, RATE // 10):
        file.read(max(begin - 400, 0), RATE // 10 + 800)
    assert sum(decoded) == 20 * RATE
    assert file.loudness.length == 20 * RATE
    assert file.loudness is file.loudness
    assert sum(decoded) == 40 * RATE


def test_twice_the_length_is_twice_the_work(make_sound: MakeSound, decoded: list[int]) -> None:
    work = []
    for seconds in (5, 10, 20):
        path = make_sound(f"{seconds}.flac", STEPS[:1, : seconds * RATE], RATE)
        file = LongFile(path, 1, 60)
        decoded.clear()
        # As many clips are asked for at a time as when a cache is built.
        begins = range(0, seconds * RATE, 800)
        with ThreadPoolExecutor(8) as pool:
            for low in range(0, len(begins), 64):
                some = begins[low : low + 64]
                list(pool.map(file.read, some, [800] * len(some)))
        work.append(sum(decoded))
    assert work[1] <= 2.2 * work[0]
    assert work[2] <= 2.2 * work[1]


def test_memory_is_bounded(make_sound: MakeSound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "_KEPT_BYTES", 1)
    file = LongFile(make_sound("a.wav", STEPS, RATE), 2, 60)
    for part in (*range(20), 3, 19):
        np.testing.assert_array_equal(
            file.read(part * RATE, RATE), EXACT[:, part * RATE : (part + 1) * RATE]
        )
        assert sum(block.shape[1] for block in file._kept) <= RATE + 2 * (1 << 14)


def test_silence_and_bad_samples_are_those_of_a_stretch(make_sound: MakeSound) -> None:
    samples = EXACT[0, : 4 * RATE].copy()
    samples[RATE : 2 * RATE] = 0
    samples[2 * RATE + 5] = np.nan
    file = LongFile(make_sound("a.wav", samples, RATE, subtype="FLOAT"), 1, 60)
    file.read(0, RATE)
    for begin, words in ((RATE, "that stretch is silent"), (2 * RATE, "not finite")):
        with pytest.raises(DataError) as caught:
            file.read(begin, RATE)
        assert words in caught.value.why
    file.read(3 * RATE, RATE)
    assert file.loudness.loudest() > 0.01


def test_few_files_stay_open_and_a_changed_one_is_read_again(make_sound: MakeSound) -> None:
    files = LongFiles(lambda path: LongFile(path, 1, 60))
    paths = [make_sound(f"{n}.wav", STEPS[:1, n:900], RATE) for n in range(40)]
    for n, path in enumerate(paths):
        np.testing.assert_array_equal(files(path).read(0, 100)[0], EXACT[0, n : n + 100])
    assert len(files._files) == 16
    assert files(paths[-1]) is files(paths[-1])
    make_sound("39.wav", STEPS[:1, 7:950], RATE)
    np.testing.assert_array_equal(files(paths[39]).read(0, 100)[0], EXACT[0, 7:107])
    with pytest.raises(DataError, match="cannot be read"):
        files(paths[0].with_name("none.wav"))


def test_all_files_together_keep_few_samples(
    make_sound: MakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "_ALL_BYTES", 5 * RATE * 4)
    files = LongFiles(lambda path: LongFile(path, 1, 60))
    for n in range(8):
        file = files(make_sound(f"{n}.wav", STEPS[:1, : 2 * RATE], RATE))
        np.testing.assert_array_equal(file.read(0, 2 * RATE), EXACT[:1, : 2 * RATE])
    assert len(files._files) <= 4
    files(file._path)
    assert sum(each.kept_bytes for each in files._files.values()) <= 5 * RATE * 4
