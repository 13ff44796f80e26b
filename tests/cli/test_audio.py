"""The commands on sounds, run in this process: from files to sounds, and what can go wrong."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from sfumato.cli import main
from tests.cli.console import Command, Result

Runs = Callable[..., Path]
RATE = 4_000
SETTINGS = (
    f"medium.rate={RATE}",
    "medium.seconds=0.25",
    "medium.shift=0",
    "medium.representation.window=64",
    "backbone.widths=[16, 32]",
    "backbone.blocks=[1, 1]",
    "backbone.attention=[false, false]",
    "backbone.embedding=32",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=4",
)
OPTIONS = [word for change in SETTINGS for word in ("--settings", change)]
HEARD = OPTIONS[:8]


def tone(number: int, seconds: float = 0.2, rate: int = RATE) -> np.ndarray[Any, Any]:
    time = np.arange(int(seconds * rate)) / rate
    wave: np.ndarray[Any, Any] = np.sin(2 * np.pi * (150 + 60 * number) * time) * np.exp(-9 * time)
    return wave


def play(folder: Path, counts: dict[str, int]) -> Path:
    for kind, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            wave = tone(10 * kind + number, 0.1 + 0.01 * number)
            soundfile.write(folder / label / f"{number}.wav", wave, RATE)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sounds ``tones`` and a run of two steps on them."""
    folder = tmp_path_factory.mktemp("sounds")
    play(folder / "tones", {"high": 6, "low": 5})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["train", "tones", "--name", "tones", "--steps", "2", "--quiet", *OPTIONS])
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a copy of the run."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sounds of one class that a test may change."""
    monkeypatch.chdir(tmp_path)
    return play(tmp_path / "mine", {"all": 5}) / "all"


def parsed(result: Result) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_from_files_to_sounds(
    sfumato: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = sfumato("train", trained / "tones", "--steps", "2", "--name", "a", *OPTIONS)
    assert (result.code, result.err) == (0, "")
    assert "run runs/a" in result.out
    result = sfumato("resume", "a", "--steps", "3", "--quiet")
    assert (result.code, result.out, result.err) == (0, "runs/a\n", "")
    result = sfumato("info", "a")
    assert result.code == 0
    for line in ("audio clips", "4,000", "mono", "representation", "high, low"):
        assert line in result.out
    result = sfumato("sample", "a", "-n", "2", "--label", "low", "--trajectory")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("2 audio clips in runs/a/samples/001")
    assert "sheet: runs/a/samples/001/sheet.png" in result.out
    assert "from noise: runs/a/samples/001/00000-from-noise.wav" in result.out
    result = sfumato("sample", "--like", "runs/a/samples/001/00001.wav", "--out", "again")
    assert result.code == 0
    assert result.out.startswith("1 audio clip in again")
    again, first = Path("again/00001.wav"), Path("runs/a/samples/001/00001.wav")
    assert again.read_bytes() == first.read_bytes()


class TestSample:
    def test_a_length_and_a_format(self, sfumato: Command, place: Path) -> None:
        content = parsed(
            sfumato("sample", "tones", "-n", "2", "--seconds", "0.1", "--format", "flac", "--json")
        )
        for file in content["files"]:
            header = soundfile.info(file)
            assert (header.format, header.frames, header.samplerate) == ("FLAC", 400, RATE)

    def test_variations(self, sfumato: Command, place: Path) -> None:
        soundfile.write("mine.wav", tone(4, 0.15), RATE)
        command = ("sample", "tones", "-n", "2", "--start", "mine.wav")
        near = parsed(sfumato(*command, "--strength", "0.0001", "--steps", "1", "--json"))
        for file in near["files"]:
            samples, _ = soundfile.read(file)
            assert len(samples) == pytest.approx(600, abs=60)
            assert np.corrcoef(samples, tone(4, 0.15)[: len(samples)])[0, 1] > 0.95
        assert sfumato(*command, "--label", "low").code == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--temperature", "0.5"], "'temperature' is not for audio clips"),
            (["--top-p", "0.5"], "'top_p' is not for audio clips"),
            (["--length", "5"], "'length' is not for audio clips"),
            (["--seconds", "0.5"], "window is 0.25 seconds"),
            (["--seconds", "0"], "seconds cannot be 0"),
            (["--seconds", "nan"], "seconds cannot be nan"),
            (["--format", "mp3"], "mp3"),
            (["--strength", "0.5"], "--start FILE"),
            (["--start", "nowhere.wav"], "cannot be read"),
            (["--start", "runs/tones/spec.json"], "cannot be read as audio"),
            (["--label", "lwo"], "did you mean 'low'?"),
            (["--like", "nowhere.wav"], "cannot be opened"),
            (["--out", "runs/tones/spec.json"], "cannot be written"),
        ],
    )
    def test_refusals(
        self, refused: Command, place: Path, arguments: list[str], words: str
    ) -> None:
        assert words in refused("sample", "tones", *arguments).err
        assert not Path("runs/tones/samples").exists()

    def test_a_strength_out_of_range(self, refused: Command, place: Path) -> None:
        soundfile.write("mine.wav", tone(4), RATE)
        for strength in ("0", "1.5", "nan"):
            command = ("sample", "tones", "--start", "mine.wav", "--strength", strength)
            assert "strength cannot be" in refused(*command).err

    def test_what_is_for_sounds_is_not_for_pictures(self, refused: Command, runs: Runs) -> None:
        runs("plain")
        assert "'seconds' is not for images" in refused("sample", "plain", "--seconds", "1").err
        assert "cannot be written as 'wav'" in refused("sample", "plain", "--format", "wav").err

    def test_gaps_are_for_text(self, refused: Command, place: Path) -> None:
        assert "it has to be one on text" in refused("fill", "tones", "the ____").err


class TestCheck:
    def test_json(self, sfumato: Command, trained: Path, tmp_path: Path) -> None:
        sheet = tmp_path / "[sheet].png"
        command = ("data", "check", trained / "tones", *HEARD, "--sheet", sheet)
        content = parsed(sfumato(*command, "--json"))
        assert content["labels"] == {"high": 6, "low": 5}
        assert (content["count"], content["rates"]) == (11, {"4000 Hz": 11})
        with Image.open(content["contact_sheet"]) as picture:
            picture.load()

    def test_table(
        self, sfumato: Command, own_sounds: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (own_sounds / "[b]bad.wav").write_text("no sound")
        soundfile.write(own_sounds / "long.wav", tone(9, 0.5), RATE)
        result = sfumato("data", "check", own_sounds, *HEARD)
        assert result.code == 0, result.err
        for line in (
            "6 (6 independent) of 6 files", "4,000 Hz", "1 file is longer than a clip",
            "WAV PCM_16 (6)", "[b]bad.wav: it is plain text", "data-check.png",
        ):  # fmt: skip
            assert line in result.out
        assert Path("data-check.png").is_file()


FEW = ("-n", "4", "--rows", "4", "--draws", "1")


class TestEvaluate:
    @pytest.fixture(autouse=True)
    def one_ear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sfumato.evaluation.of.audio._trained", lambda: [])

    def test_tables(self, sfumato: Command, place: Path) -> None:
        result = sfumato("evaluate", "tones", *FEW)
        assert result.code == 0, result.err
        for line in (
            "distance, log-mel", "samples to training", "halves of real items",
            "in the requested class", "loudness, dB", "copies (above 0.9)",
            "one of the sets has only 4 items",
        ):  # fmt: skip
            assert line in result.out
        assert result.out.splitlines()[-2:] == [
            "report: runs/tones/evaluation/report.json",
            "page: runs/tones/evaluation/report.html",
        ]
        assert Path("runs/tones/evaluation/report.html").is_file()

    def test_json(self, sfumato: Command, place: Path) -> None:
        command = ("evaluate", "tones", *FEW, "--label", "low", "--scale", "2")
        result = sfumato(*command, "--out", "report", "--json")
        assert parsed(result) == json.loads(Path("report/report.json").read_text())
        assert parsed(result)["sampling"]["scale"] == 2

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--temperature", "0.5"], "'temperature' is not for audio clips"),
            (["--molecules"], "'molecules' is not for audio clips"),
            (["-n", "0"], "n cannot be 0"),
            (["--rows", "0"], "rows cannot be 0"),
            (["--label", "hihg"], "did you mean 'high'?"),
            (["--snapshot", "bets"], "did you mean 'best'?"),
        ],
    )
    def test_refusals(
        self, refused: Command, place: Path, arguments: list[str], words: str
    ) -> None:
        assert words in refused("evaluate", "tones", *arguments).err
        assert not Path("runs/tones/evaluation").exists()


class TestDemo:
    @pytest.mark.parametrize(
        ("arguments", "medium"),
        [
            ([], "image"),
            (["image"], "image"),
            (["images"], "image"),
            (["audio"], "audio"),
            (["text"], "text"),
            (["words"], "words"),
        ],
    )
    def test_it_takes_a_medium(
        self,
        sfumato: Command,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        medium: str,
    ) -> None:
        calls: list[tuple[Any, ...]] = []

        def run(*arguments: Any) -> Any:
            calls.append(arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr("sfumato.verbs.demo.run", run)
        result = sfumato("demo", *arguments, "--minutes", "2", "--name", "mine")
        assert result.code == 130
        assert calls == [(medium, 2.0, "mine")]
        assert ("note: images is now image." in result.err) == (arguments == ["images"])

    @pytest.mark.parametrize("medium", ["video", "Audio", "sounds"])
    def test_others_are_refused(self, refused: Command, medium: str) -> None:
        assert "audio" in refused("demo", medium).err


def claiming(path: Path, size: int) -> None:
    """A WAV file of 400 samples whose header says that there are so many bytes of them."""
    soundfile.write(path, tone(1, 0.1), RATE)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[4:8] = struct.pack("<I", size)
    content[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(content)


def claiming_hours(path: Path) -> None:
    """A FLAC file of 400 samples whose header says that there are 2^36 - 1 (RFC 9639, 8.2)."""
    soundfile.write(path, tone(1, 0.1), RATE)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] | 0x0F, 255, 255, 255, 255])
    path.write_bytes(content)


def broken(folder: Path) -> dict[str, str]:
    """Adds files that cannot be used; returns why not."""
    infinite = tone(1)
    infinite[7] = np.nan
    soundfile.write(folder / "nan.wav", infinite, RATE, subtype="FLOAT")
    (folder / "empty.wav").touch()
    soundfile.write(folder / "none.wav", np.zeros(0), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(900), RATE)
    (folder / "text.wav").write_text("RIFF is a word\n" * 40)
    claiming_hours(folder / "claims.flac")
    return {
        "nan.wav": "1 of 800 samples are not finite",
        "empty.wav": "it is empty",
        "none.wav": "it holds no samples",
        "silent.wav": "it is silent",
        "text.wav": "it is plain text",
        "claims.flac": "seconds are above the limit of 3,600",
    }


class TestBadSounds:
    def test_are_set_aside_with_their_reasons(self, sfumato: Command, own_sounds: Path) -> None:
        reasons = broken(own_sounds)
        result = sfumato("train", own_sounds, "--steps", "1", "--name", "a", *OPTIONS)
        assert (result.code, result.err) == (0, "")
        assert "read 11 of 11 files, 6 set aside" in result.out
        content = parsed(sfumato("data", "check", own_sounds, *HEARD, "--json"))
        assert content["count"] == 5
        found = {one["path"]: one["reason"] for one in content["rejected"]}
        assert found.keys() == reasons.keys()
        for name, reason in reasons.items():
            assert reason in found[name]

    def test_are_set_aside_when_files_are_cut_too(self, sfumato: Command, own_sounds: Path) -> None:
        broken(own_sounds)
        every = ("--settings", "medium.cut=all")
        content = parsed(sfumato("data", "check", own_sounds, *HEARD, *every, "--json"))
        assert (content["count"], len(content["rejected"])) == (5, 6)

    def test_alone_are_refused(self, refused: Command, own_sounds: Path) -> None:
        for path in own_sounds.iterdir():
            path.unlink()
        broken(own_sounds)
        for command in (["train"], ["data", "check"]):
            result = refused(*command, own_sounds, *HEARD).err
            assert "None of the 6 files" in result
        assert not Path("runs").exists()

    def test_odd_ones_are_taken(self, sfumato: Command, own_sounds: Path) -> None:
        """Eight channels, other rates, a loud float, and 400 samples that are said to be 4 GiB."""
        eight = np.stack([tone(n) for n in range(8)], axis=1)
        soundfile.write(own_sounds / "eight.wav", eight, RATE)
        soundfile.write(own_sounds / "slow.wav", tone(2, 0.2, 8_000), 8_000)
        soundfile.write(own_sounds / "fast.flac", tone(2, 0.2, 96_000), 96_000)
        soundfile.write(own_sounds / "loud.wav", tone(3) * 50, RATE, subtype="FLOAT")
        claiming(own_sounds / "4GiB.wav", 0xFFFF_FF00)
        for channels in ("auto", "mono"):
            heard = ("--settings", f"medium.channels={channels}")
            content = parsed(sfumato("data", "check", own_sounds, *HEARD, *heard, "--json"))
            assert (content["count"], content["rejected"]) == (10, [])
            assert content["channels"]["8"] == 1
            assert content["rates"]["8000 Hz"] == content["rates"]["96000 Hz"] == 1
            assert content["settings"]["channels"] == {"auto": "stereo", "mono": "mono"}[channels]
        result = sfumato(
            "train", own_sounds, "--steps", "1", "--quiet", *OPTIONS, "--settings",
            "medium.channels=stereo", "--name", "wide",
        )  # fmt: skip
        assert result.code == 0, result.err
        content = parsed(sfumato("sample", "wide", "-n", "1", "--json"))
        assert soundfile.info(content["files"][0]).channels == 2

    def test_one_is_not_trained_on(
        self, refused: Command, sfumato: Command, own_sounds: Path
    ) -> None:
        for name in ("1", "2", "3", "4"):
            (own_sounds / f"{name}.wav").unlink()
        result = refused("train", own_sounds, *OPTIONS)
        assert "one usable audio clip" in result.err
        assert "medium.cut=all" in result.err
        assert not Path("runs").exists()
        assert parsed(sfumato("data", "check", own_sounds, *HEARD, "--json"))["count"] == 1

    def test_a_file_alone_is_no_folder(self, refused: Command, own_sounds: Path) -> None:
        for command in (["train"], ["data", "check"]):
            result = refused(*command, own_sounds / "0.wav").err
            assert "one of the audio files themselves" in result


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["medium.rate=100"], "'medium.rate' cannot be 100"),
        (["medium.seconds=0"], "'medium.seconds' cannot be 0"),
        (["medium.seconds=0.03"], "'medium.seconds' cannot be 0.03"),
        (["medium.shift=2"], "leaves nothing of a clip"),
        (["medium.cut=end"], "'medium.cut' cannot be \"end\""),
        (["medium.representation.window=100"], "not a power of two"),
        (["medium.representation.kind=waveform"], "set backbone.axes=1"),
        (["backbone.axes=1"], "set backbone.axes=2"),
        (["medium.representation.kind=midi"], "midi"),
        (["medium.size=32"], "no setting 'medium.size'"),
    ],
)
def test_bad_settings(
    refused: Command,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = [word for change in settings for word in ("--settings", change)]
    assert words in refused("train", trained / "tones", "--steps", "1", *options).err
    assert not list(tmp_path.iterdir())


def test_a_text_s_field_is_not_for_sounds(refused: Command, trained: Path) -> None:
    for command in (["train"], ["data", "check"]):
        result = refused(*command, trained / "tones", "--label-field", "mood").err
        assert "'label_field' is not for audio clips" in result
