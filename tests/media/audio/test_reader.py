from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from sfumato.data.building import open_or_build
from sfumato.data.dataset import Dataset
from sfumato.data.index import Index, scan
from sfumato.errors import DataError, MissingExtra, SettingError
from sfumato.media.audio.reader import ClipReader, divided
from sfumato.media.audio.settings import AudioSettings
from sfumato.sound.open import AUDIO

MakeSound = Callable[..., Path]
RATE = 16_000


def medium(**settings: object) -> ClipReader:
    return ClipReader(AudioSettings.model_validate(settings))


def steps(length: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(-16_000, 16_000, (channels, length))
    return values.astype(np.int16)


def test_channels_must_be_settled() -> None:
    with pytest.raises(SettingError, match="not resolved"):
        medium(channels="auto")
    assert medium(channels="stereo", seconds=0.5).shape == (2, 8_000)
    assert medium().dtype == np.int16
    assert medium().kind is AUDIO


def test_what_needs_no_change_is_not_changed(make_sound: MakeSound) -> None:
    written = steps(RATE, 2)
    written[:, :2] = 32767, -32768
    reader = medium(channels="stereo", level="keep", trim=None)
    for suffix in ("wav", "flac"):
        read = reader.read(make_sound(f"a.{suffix}", written))
        assert read.dtype == np.int16
        np.testing.assert_array_equal(read, written)


def test_from_any_file_to_a_clip(make_sound: MakeSound) -> None:
    times = np.arange(2 * 44_100) / 44_100
    tone = np.where(times > 0.5, 0.05 * np.sin(2 * np.pi * 440 * times), 0.0) + 0.2
    clip = medium().read(make_sound("a.wav", np.stack([tone, tone]), 44_100, subtype="PCM_24"))
    assert clip.shape == (1, RATE)
    assert abs(np.abs(clip).max() - 32768 * 10 ** (-1 / 20)) < 1
    # The silence before it went, and the offset with it.
    assert np.abs(clip[0, :200].astype(int)).max() > 20_000
    spectrum = np.abs(np.fft.rfft(clip[0] * np.hanning(RATE)))
    assert spectrum.argmax() == 440
    assert spectrum[0] < 1e-3 * spectrum[440]


def test_short_sounds_are_filled_up_with_silence(make_sound: MakeSound) -> None:
    clip = medium(trim=None).read(make_sound("a.wav", steps(5_000)))
    assert medium().lengths(clip[None]).tolist() == [5_000]


@pytest.mark.parametrize(("cut", "begin"), [("start", 0), ("middle", 16_000), ("all", 0)])
def test_what_is_taken_of_a_long_file(make_sound: MakeSound, cut: str, begin: int) -> None:
    written = steps(3 * RATE)
    clip = medium(cut=cut, level="keep", trim=None).read(make_sound("a.wav", written))
    inside = slice(32, RATE - 32)
    expected = written[:, begin : begin + RATE]
    np.testing.assert_array_equal(clip[:, inside], expected[:, inside])


def test_the_middle_of_a_file_of_which_only_a_part_is_decoded(make_sound: MakeSound) -> None:
    written = steps(100 * 4_000)
    reader = medium(rate=4_000, seconds=2, cut="middle", level="keep", trim=None)
    clip = reader.read(make_sound("a.wav", written, 4_000))
    expected = written[:, 49 * 4_000 : 51 * 4_000]
    np.testing.assert_array_equal(clip[:, 8:-8], expected[:, 8:-8])


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_all_parts_follow_each_other(make_sound: MakeSound, rate: int) -> None:
    times = np.arange(round(3.6 * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    path = make_sound("a.wav", tone, rate)
    reader = medium(cut="all", level="keep", trim=None)
    assert reader.parts(path) == 4
    laid = np.concatenate([reader.read(path, part) for part in range(4)], axis=1)[0] / 32768
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    place = np.arange(len(laid)) % RATE
    # Fades of 2 ms between the parts; at the ends of the sound the filter of the resampler rings.
    expected *= np.minimum(1, (np.minimum(place, RATE - 1 - place) + 0.5) / 32)
    inside = slice(160, round(3.59 * RATE))
    assert np.abs(laid - expected)[inside].max() < 5e-4
    assert not laid[round(3.61 * RATE) :].any()


def test_a_part_is_trimmed_and_levelled_by_itself(make_sound: MakeSound) -> None:
    written = np.concatenate([steps(RATE), np.zeros((1, 8_000), np.int16), steps(8_000) // 64], 1)
    path = make_sound("a.wav", written)
    clip = medium(cut="all").read(path, 1)
    assert np.abs(clip).max() > 29_000
    assert 7_900 < medium().lengths(clip[None])[0] < 8_300


def test_parts_that_are_silent_or_not_there(make_sound: MakeSound) -> None:
    written = np.concatenate([steps(RATE), np.zeros((1, 2 * RATE), np.int16), steps(RATE)], 1)
    path = make_sound("a.wav", written)
    reader = medium(cut="all")
    assert reader.parts(path) == 4
    for part in (0, 3):
        reader.read(path, part)
    for part in (1, 2):
        with pytest.raises(DataError) as caught:
            reader.read(path, part)
        assert "that stretch is silent" in caught.value.why
    with pytest.raises(DataError) as caught:
        reader.read(path, 4)
    assert "ends before the requested stretch" in caught.value.why
    for bad, other in ((-1, reader), (1, medium(cut="start"))):
        with pytest.raises(ValueError, match="no part"):
            other.read(path, bad)


def test_a_file_that_ends_before_its_header_says(make_sound: MakeSound) -> None:
    path = make_sound("a.flac", steps(4 * RATE))
    path.write_bytes(path.read_bytes()[:70_000])
    reader = medium(cut="all")
    assert reader.parts(path) == 4
    assert np.abs(reader.read(path, 0)).max() > 29_000
    with pytest.raises(DataError):
        reader.read(path, 3)


def test_how_many_parts(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.wav", steps(3 * 8_000 // 2), 8_000)
    assert medium().parts(path) == 1
    assert medium(cut="all").parts(path) == 2
    assert medium(cut="all", seconds=0.1).parts(path) == 15
    assert medium(cut="all", seconds=9).parts(path) == 1
    with pytest.raises(DataError) as caught:
        medium(cut="all", max_seconds=1).parts(path)
    assert caught.value.why == "1.5 seconds are above the limit of 1 (max_seconds)"
    flac = bytearray(make_sound("a.flac", steps(900)).read_bytes())
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    (tmp_path / "stream.flac").write_bytes(flac)
    # Where the header does not state the length, the file is decoded to find it.
    for cut in ("all", "middle", "start", "auto"):
        medium(cut=cut).read(tmp_path / "stream.flac")
        assert medium(cut=cut, seconds=0.05).parts(tmp_path / "stream.flac") == 1


@pytest.mark.parametrize("cut", ["start", "middle", "all"])
def test_next_to_silence_is_silence(make_sound: MakeSound, cut: str) -> None:
    sounds = {"faint": steps(RATE) // 8_000, "offset": np.full((1, RATE), 5_000, np.int16)}
    for name, samples in sounds.items():
        with pytest.raises(DataError) as caught:
            medium(cut=cut).read(make_sound(f"{name}.wav", samples))
        assert "silent" in caught.value.why


@pytest.mark.parametrize("rate", [1_000, RATE, 192_000])
@pytest.mark.parametrize("cut", ["start", "middle", "all"])
def test_sounds_of_a_few_samples(make_sound: MakeSound, rate: int, cut: str) -> None:
    for length in (1, 2, 3, 50):
        path = make_sound("a.wav", steps(length), rate)
        try:
            assert medium(cut=cut).read(path).shape == (1, RATE)
        except DataError as error:
            assert "silent" in error.why


def test_channels(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", np.concatenate([steps(RATE), steps(RATE, 7, seed=1) // 999]), 8_000)
    assert medium().read(path).shape == (1, RATE)
    assert medium(channels="stereo").read(path).shape == (2, RATE)
    mono = make_sound("b.wav", steps(RATE))
    left, right = medium(channels="stereo").read(mono)
    np.testing.assert_array_equal(left, right)


def test_lengths() -> None:
    clips = np.zeros((4, 2, 6), np.int16)
    clips[1, 1, 3] = -1
    clips[2, 0, 5] = 7
    clips[3, :, 0] = 1
    found = medium().lengths(clips)
    assert found.dtype == np.int64
    assert found.tolist() == [0, 4, 6, 1]
    assert medium().lengths(clips[:0]).shape == (0,)


def test_the_key_holds_what_decides_the_samples_and_nothing_else() -> None:
    plain = medium().cache_key
    same = {"shift": 0.5, "gain": 6, "flip": False, "representation": {"kind": "waveform"}}
    assert medium(**same).cache_key == plain
    changes: list[dict[str, object]] = [
        {"rate": 8_000}, {"seconds": 2}, {"channels": "stereo"}, {"cut": "all"},
        {"level": "keep"}, {"trim": None}, {"floor": 40}, {"max_seconds": 60},
    ]  # fmt: skip
    assert len({plain} | {medium(**change).cache_key for change in changes}) == 9


def test_a_folder_becomes_a_cache(make_sound: MakeSound, tmp_path: Path) -> None:
    for number in range(3):
        make_sound(f"{number}.wav", steps(900, seed=number))
    make_sound("bad.wav", np.full(90, np.nan), subtype="FLOAT")
    make_sound("silent.flac", np.zeros(90))
    (tmp_path / "data" / "text.wav").write_text("hello")
    data = open_or_build(scan(tmp_path / "data", AUDIO), medium(), tmp_path / "cache")
    assert data.array.shape == (3, 1, RATE)
    assert dict(data.rejected) == {
        "bad.wav": "90 of 90 samples are not finite",
        "silent.flac": "it is silent",
        "text.wav": "it is plain text",
    }


def test_without_the_packages(make_sound: MakeSound, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_sound("a.wav", steps(900))
    other = make_sound("b.wav", steps(900), 8_000)
    monkeypatch.setitem(sys.modules, "soxr", None)
    medium().read(path)
    with pytest.raises(MissingExtra, match="soxr"):
        medium().read(other)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match="soundfile"):
        medium().read(path)


def test_importing_needs_no_package() -> None:
    code = (
        "import sys; sys.modules['soundfile'] = sys.modules['soxr'] = None\n"
        "import sfumato.media.audio.reader, sfumato.media.audio.provenance"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


LOW_RATE = 4_000


def reader(cut: Literal["start", "all"] = "all") -> ClipReader:
    return ClipReader(AudioSettings(rate=LOW_RATE, seconds=0.1, cut=cut, trim=None, level="keep"))


def noise_of(seconds: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * LOW_RATE))


@pytest.fixture
def index(make_sound: MakeSound, tmp_path: Path) -> Index:
    """Ten files of three stretches and a remainder, a short one, and two broken ones."""
    for number in range(10):
        make_sound(f"long-{number}.wav", noise_of(0.33, number), LOW_RATE)
    make_sound("short.wav", noise_of(0.05, 99), LOW_RATE)
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
    make_sound("a.wav", noise_of(0.2), LOW_RATE)
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
    whole = noise_of(0.33, 4)
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


class TestFloor:
    """What is far softer than the rest of its file is not raised to the level of a sound."""

    SOUND = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(0.8 * RATE)) / RATE)

    def room(self, seconds: float, decibels: float, channels: int = 1) -> np.ndarray:
        draw = np.random.default_rng(0)
        return 10 ** (decibels / 20) * draw.standard_normal((channels, int(seconds * RATE)))

    def pauses(self, decibels: float, channels: int = 1) -> np.ndarray:
        """Twenty seconds of a room in which a tone sounds every five."""
        samples = self.room(20, decibels, channels)
        for second in range(0, 20, 5):
            samples[:, second * RATE : second * RATE + len(self.SOUND)] += self.SOUND
        return samples

    def parts(self, path: Path, **settings: object) -> tuple[list[int], set[str]]:
        reader = medium(cut="all", **settings)
        used, reasons = [], set()
        for part in range(reader.parts(path)):
            try:
                reader.read(path, part)
                used.append(part)
            except DataError as error:
                reasons.add(error.why)
        return used, reasons

    @pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "PCM_32"])
    @pytest.mark.parametrize("suffix", ["wav", "aiff"])
    @pytest.mark.parametrize("level", ["peak", "loudness", "keep"])
    def test_pauses_are_set_aside(
        self, make_sound: MakeSound, suffix: str, subtype: str, level: str
    ) -> None:
        path = make_sound(f"a.{suffix}", self.pauses(-72), subtype=subtype)
        used, reasons = self.parts(path, level=level)
        assert used == [0, 5, 10, 15]
        assert reasons == {"quieter than 60 dB below the loudest of its file"}

    @pytest.mark.parametrize("decibels", [-75, -90, -110])
    def test_however_soft_they_are(self, make_sound: MakeSound, decibels: float) -> None:
        path = make_sound("a.wav", self.pauses(decibels), subtype="FLOAT")
        assert self.parts(path)[0] == [0, 5, 10, 15]

    def test_in_any_channels_and_rate(self, make_sound: MakeSound) -> None:
        path = make_sound("a.flac", self.pauses(-72, 2), subtype="PCM_24")
        for channels in ("mono", "stereo"):
            assert self.parts(path, channels=channels, rate=22_050)[0] == [0, 5, 10, 15]
        one_sided = self.pauses(-75, 2)
        one_sided[1] = 0
        assert self.parts(make_sound("b.wav", one_sided, subtype="FLOAT"))[0] == [0, 5, 10, 15]

    def test_an_offset_is_not_loud(self, make_sound: MakeSound) -> None:
        path = make_sound("a.wav", self.pauses(-75) + 0.1, subtype="FLOAT")
        assert self.parts(path)[0] == [0, 5, 10, 15]

    def test_the_floor_is_a_setting(self, make_sound: MakeSound) -> None:
        path = make_sound("a.wav", self.pauses(-50), subtype="FLOAT")
        assert len(self.parts(path)[0]) == 20
        used, reasons = self.parts(path, floor=30)
        assert used == [0, 5, 10, 15]
        assert reasons == {"quieter than 30 dB below the loudest of its file"}
        softer = make_sound("b.wav", self.pauses(-75), subtype="FLOAT")
        assert len(self.parts(softer, floor=None, level="peak")[0]) == 20

    @pytest.mark.parametrize("level", ["peak", "loudness"])
    def test_a_room_above_the_floor_keeps_a_place_below(
        self, make_sound: MakeSound, level: str
    ) -> None:
        path = make_sound("a.wav", self.pauses(-64), subtype="FLOAT")
        reader = medium(cut="all", level=level)
        room = np.abs(reader.read(path, 2)).max()
        whole = np.abs(medium(cut="all", level=level, floor=None).read(path, 2)).max()
        # It is 55 dB below the tone, of which 40 dB are made up for.
        assert 12 < 20 * np.log10(whole / room) < 18

    def test_a_file_that_is_soft_as_a_whole_is_raised_as_one(self, make_sound: MakeSound) -> None:
        soft = make_sound("a.wav", 1e-3 * self.pauses(-30) / 0.5, subtype="FLOAT")
        assert len(self.parts(soft)[0]) == 20
        clip = medium(cut="all").read(soft, 0)
        assert abs(np.abs(clip).max() - 32768 * 10 ** (-1 / 20)) < 1

    def test_a_click_in_a_soft_file_sets_nothing_aside(self, make_sound: MakeSound) -> None:
        samples = 2e-3 * self.pauses(-30) / 0.5
        samples[0, 3 * RATE + 77] = 0.99
        assert len(self.parts(make_sound("a.wav", samples, subtype="FLOAT"))[0]) == 20

    @pytest.mark.parametrize("seconds", [0.5, 5, 29, 31, 45, 90])
    @pytest.mark.parametrize("cut", ["start", "auto", "middle"])
    def test_a_clip_starts_with_the_first_sound(
        self, make_sound: MakeSound, seconds: float, cut: str
    ) -> None:
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[None]
        path = make_sound(
            "a.wav", np.concatenate([self.room(seconds, -80), tone], 1), subtype="FLOAT"
        )
        reader = medium(cut=cut)
        clip = reader.read_start(path)[0] / 32768
        assert np.abs(np.fft.rfft(clip * np.hanning(RATE))).argmax() == 440
        assert np.abs(clip[:200]).max() > 0.8
        assert np.square(clip[200:-200]).mean() == pytest.approx(0.5 * 10 ** (-1 / 10), rel=0.02)

    def test_without_trimming_a_soft_start_is_set_aside(self, make_sound: MakeSound) -> None:
        for seconds in (5, 45):
            samples = np.concatenate([self.room(seconds, -80)[0], self.SOUND])
            path = make_sound("a.wav", samples, subtype="FLOAT")
            with pytest.raises(DataError) as caught:
                medium(cut="start", trim=None).read(path)
            assert caught.value.why == "quieter than 60 dB below the loudest of its file"

    def test_silence_before_a_late_sound_is_skipped(self, make_sound: MakeSound) -> None:
        samples = np.concatenate([np.zeros(45 * RATE), self.SOUND])
        clip = medium(cut="start").read(make_sound("a.wav", samples))[0]
        assert np.abs(clip[:200]).max() > 20_000

    def test_ordinary_files_are_read_as_without_a_floor(self, make_sound: MakeSound) -> None:
        path = make_sound("a.wav", np.concatenate([self.room(0.2, -50)[0], self.SOUND]))
        for cut in ("start", "middle", "all", "auto"):
            np.testing.assert_array_equal(
                medium(cut=cut).read(path), medium(cut=cut, floor=None).read(path)
            )


class TestAuto:
    def test_recordings_are_used_whole_and_longer_sounds_keep_their_start(
        self, make_sound: MakeSound, tmp_path: Path
    ) -> None:
        for seconds in (0.5, 1.0, 1.6, 3.9, 4.0, 7.4, 60):
            make_sound(f"{seconds:04.1f}.wav", steps(int(seconds * 4_000)), 4_000)
        reader = medium(rate=4_000)
        index = scan(tmp_path / "data", AUDIO)
        counts = {item.path: 0 for item in index.items}
        for item in divided(index, reader).items:
            counts[item.path] += 1
        assert list(counts.values()) == [1, 1, 1, 1, 4, 7, 60]
        assert [reader.parts(index.file(item)) for item in index.items] == list(counts.values())
        every = medium(rate=4_000, cut="all")
        whole = tmp_path / "data/07.4.wav"
        for part in range(7):
            np.testing.assert_array_equal(reader.read(whole, part), every.read(whole, part))
        start = medium(rate=4_000, cut="start")
        for name in ("01.6.wav", "03.9.wav"):
            path = tmp_path / "data" / name
            np.testing.assert_array_equal(reader.read(path), start.read(path))

    def test_the_clips_of_a_recording_are_one_group(
        self, make_sound: MakeSound, tmp_path: Path
    ) -> None:
        make_sound("long.wav", steps(8 * 4_000), 4_000)
        make_sound("short.wav", steps(4_000), 4_000)
        items = divided(scan(tmp_path / "data", AUDIO), medium(rate=4_000)).items
        assert {item.group for item in items if item.path == "long.wav"} == {"long.wav"}

    def test_threads_read_what_one_reads(self, make_sound: MakeSound, tmp_path: Path) -> None:
        for suffix in ("wav", "mp3", "flac"):
            make_sound(f"a.{suffix}", steps(40 * 8_000, 2), 8_000)
        reader = medium(rate=4_000, level="keep")
        data = open_or_build(
            divided(scan(tmp_path / "data", AUDIO), reader), reader, tmp_path / "cache"
        )
        assert len(data) == 120
        alone = medium(rate=4_000, level="keep")
        for number in (119, 3, 40, 77, 81):
            item = data.items[number]
            clip = alone.read(tmp_path / "data" / item.path, item.part)
            np.testing.assert_array_equal(data.array[number], clip)
