"""Sampling into a folder that has samples already: what is missing is made, nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sfumato.engine.claim import claimed
from sfumato.errors import DataError, Interrupted, RunError, RunLocked, SettingError
from sfumato.media.text import folder as text_folder
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made
from sfumato.verbs.sample import Written, sample_files, until_interrupted

Runs = Callable[..., Path]
OUT = Path("out")


def made(run: str | None, n: int, out: Path = OUT, **options: Any) -> tuple[Written, list[int]]:
    """The files, and the indices of the samples that were made for them."""
    more = {name: options.pop(name) for name in ("trajectory", "format", "like", "snapshot")
            if name in options}  # fmt: skip
    chosen = SampleOptions() if "like" in more else SampleOptions(n, **{"steps": 2, **options})
    events = list(sample_files(run, chosen, out=out, **more))
    indices = [index for event in events if isinstance(event, Made) for index in event.indices]
    assert isinstance(events[-1], Written)
    return events[-1], indices


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(params=["unet", "tones", "labelled"])
def name(request: pytest.FixtureRequest, runs: Runs, sound_runs: Runs, text_runs: Runs) -> str:
    """The name of a run on images, audio or text."""
    found = str(request.param)
    {"unet": runs, "tones": sound_runs, "labelled": text_runs}[found](found)
    return found


def test_a_sampling_goes_on_where_it_was_stopped(name: str) -> None:
    made(name, 7, Path("whole"), batch=3)
    events = sample_files(name, SampleOptions(7, batch=2, steps=2), out=OUT)
    while not isinstance(next(events), Made):
        pass
    next(events)
    events.close()
    written, indices = made(name, 7, batch=4)
    assert indices == [2, 3, 4, 5, 6]
    assert content(OUT) == content(Path("whole"))
    assert "7 " in written.lines()[-2 if name != "labelled" else -1]
    assert "2 of them were there already" in "\n".join(written.lines())
    again, indices = made(name, 7)
    assert indices == []
    assert content(OUT) == content(Path("whole"))
    assert again.to_json().get("files") == written.to_json().get("files")


def test_later_samples_are_added(name: str) -> None:
    made(name, 5, Path("whole"))
    made(name, 2)
    assert made(name, 3, first=2)[1] == [2, 3, 4]
    assert content(OUT) == content(Path("whole"))


def test_gaps_are_filled_and_a_lost_sheet_is_made_again(runs: Runs) -> None:
    runs("unet")
    made("unet", 6)
    whole = content(OUT)
    for lost in ("00001.png", "00002.png", "00004.png", "sheet.png"):
        (OUT / lost).unlink()
    assert made("unet", 6)[1] == [1, 2, 4]
    assert content(OUT) == whole


def test_ways_from_noise_that_are_missing_are_made(name: str) -> None:
    made(name, 3, Path("whole"), trajectory=True)
    made(name, 3)
    samples = content(OUT)
    _, indices = made(name, 3, trajectory=True)
    assert indices == [0, 1, 2]
    assert content(OUT) == content(Path("whole"))
    assert samples.items() <= content(OUT).items()
    assert made(name, 3, trajectory=True)[1] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 1}, "seed was 0 there and would be 1 now"),
        ({"steps": 3}, "steps was 2 there and would be 3 now"),
        ({"label": "cat"}, "label was dog there and would be cat now"),
        ({"scale": 2.5}, "scale was 2.0 there and would be 2.5 now"),
        ({"sampler": "heun"}, "sampler was"),
        ({"snapshot": "best"}, "the weights were"),
        ({"precision": "bf16"}, "precision was fp32 there and would be bf16 now"),
    ],
)
def test_samples_of_other_settings_are_refused_with_what_differs(
    runs: Runs, options: dict[str, Any], words: str
) -> None:
    runs("unet")
    made("unet", 4, precision="fp32")
    before = content(OUT)
    with pytest.raises(SettingError, match="made in another way") as caught:
        made("unet", 6, **{"precision": "fp32", **options})
    assert words in caught.value.why
    with pytest.raises(SettingError, match="made in another way"):
        made("unet", 2, first=8, **{"precision": "fp32", **options})
    assert content(OUT) == before


def test_another_format_of_the_same_samples_is_refused(sound_runs: Runs) -> None:
    sound_runs("tones")
    made("tones", 2)
    with pytest.raises(SettingError) as caught:
        made("tones", 3, format="flac")
    assert "its format is wav" in caught.value.why


def test_files_that_are_no_samples_are_left_alone(runs: Runs, text_runs: Runs) -> None:
    runs("unet")
    text_runs("prose")
    made("unet", 2)
    (OUT / "notes.txt").write_text("mine")
    (OUT / "00007.png").write_bytes(b"mine")
    with pytest.raises(SettingError, match="nothing is overwritten") as caught:
        made("unet", 3)
    assert "not a PNG" in caught.value.why
    assert (OUT / "00007.png").read_bytes() == b"mine"
    Path("texts").mkdir()
    (Path("texts") / "samples.jsonl").write_text(json.dumps({"text": "mine"}) + "\n")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        made("prose", 1, Path("texts"))


def test_the_name_of_the_run_does_not_matter(runs: Runs) -> None:
    runs("unet")
    made("unet", 2)
    Path("runs/unet").rename("runs/renamed")
    assert made("renamed", 3)[1] == [2]


def test_a_folder_that_another_process_writes_is_refused_before_any_work(runs: Runs) -> None:
    runs("unet")
    with claimed(OUT, "samples"), pytest.raises(RunLocked, match="'out' is being written by"):
        next(sample_files("unet", SampleOptions(1), out=OUT))
    assert not OUT.exists()


def test_drafts_of_a_killed_sampling_are_removed(runs: Runs) -> None:
    runs("unet")
    (OUT / ".partial-00000.png-1-0").mkdir(parents=True)
    made("unet", 1)
    assert sorted(path.name for path in OUT.iterdir()) == ["00000.png", "sheet.png"]


class TestLike:
    def test_a_run_is_found_by_its_weights_after_it_was_renamed(self, runs: Runs) -> None:
        runs("unet", "transformer")
        made("unet", 2)
        Path("runs/unet").rename("runs/later")
        Path("runs/transformer").rename("runs/unet")  # Another run has the name now.
        written, _ = made(None, 1, Path("again"), like=OUT / "00001.png")
        assert [path.name for path in written.out.files] == ["00001.png"]
        with Image.open(OUT / "00001.png") as one, Image.open("again/00001.png") as other:
            assert one.tobytes() == other.tobytes()

    def test_the_snapshot_is_found_too(self, runs: Runs) -> None:
        runs("unet")
        shutil.copy("runs/unet/early/step-2.safetensors", "runs/unet/model.safetensors")
        made("unet", 1, snapshot="best")
        made(None, 1, Path("again"), like=OUT / "00000.png")
        assert (OUT / "00000.png").read_bytes() == Path("again/00000.png").read_bytes()

    def test_a_run_that_was_moved_with_its_samples(self, runs: Runs) -> None:
        made_by = runs("unet")
        made("unet", 1, made_by / "samples/001")
        shutil.move("runs/unet", "archive")
        made(None, 1, Path("again"), like=Path("archive/samples/001/00000.png"))

    @pytest.mark.parametrize("options", [{"n": 4}, {"seed": 3}, {"steps": 2, "precision": "fp32"}])
    def test_options_that_would_have_no_effect_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(SettingError, match=f"--like and {', '.join(options)} exclude"):
            next(sample_files(None, SampleOptions(**options), like=Path("0.png")))

    def test_a_run_that_is_gone_is_named(self, runs: Runs) -> None:
        runs("unet", "transformer")
        made("unet", 1)
        shutil.rmtree("runs/unet")
        with pytest.raises(RunError, match="There is no run 'unet'"):
            made(None, 1, Path("again"), like=OUT / "00000.png")

    def test_a_pipe_is_refused_before_it_is_opened(self, runs: Runs) -> None:
        runs("unet")
        os.mkfifo("pipe.png")
        with pytest.raises(DataError, match="cannot be read as a file"):
            made(None, 1, Path("again"), like=Path("pipe.png"))
        with pytest.raises(DataError, match="cannot be read as a file"):
            made("unet", 1, Path("again"), like=Path("pipe.png"))
        with pytest.raises(DataError, match="cannot be read as a file"):
            made("unet", 1, Path("again"), start="pipe.png")


class TestInterrupted:
    def test_what_is_kept_and_how_to_go_on(self, runs: Runs) -> None:
        runs("unet")
        events = until_interrupted(
            sample_files("unet", SampleOptions(5, batch=2, steps=2), out=OUT)
        )
        with pytest.raises(Interrupted) as caught:
            for event in events:
                if isinstance(event, Made):
                    os.kill(os.getpid(), signal.SIGTERM)
        assert caught.value.exit_code == 143
        assert caught.value.what == "Sampling was stopped; 2 of 5 images are in out."
        assert "--out out" in caught.value.hint
        assert made("unet", 5)[1] == [2, 3, 4]

    def test_only_samples_of_the_request_are_counted(self, runs: Runs) -> None:
        runs("unet")
        made("unet", 3)
        events = until_interrupted(
            sample_files("unet", SampleOptions(4, batch=2, steps=2, first=10), out=OUT)
        )
        with pytest.raises(Interrupted, match="2 of 4 images are in out"):
            for event in events:
                if isinstance(event, Made):
                    os.kill(os.getpid(), signal.SIGINT)

    @pytest.mark.parametrize("way", ["signal", "display", "work", "closed"])
    def test_every_finished_text_is_kept(
        self, text_runs: Runs, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        """Even if the file of texts was written just before, and is not due again for long."""
        monkeypatch.setattr(text_folder, "_WRITING", 1e-9)
        original = text_folder.TextFolder.add
        text_runs("prose")
        options = SampleOptions(8, batch=2, steps=2)
        events = until_interrupted(sample_files("prose", options, out=OUT, trajectory=True))

        def end() -> None:
            if way == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            elif way == "display":
                events.throw(MemoryError())  # type: ignore[attr-defined]
            elif way == "work":
                monkeypatch.setattr(text_folder.TextFolder, "add", None)
            else:
                events.close()  # type: ignore[attr-defined]

        ends = {"signal": Interrupted, "display": MemoryError, "work": TypeError}
        with pytest.raises(ends[way]) if way in ends else nullcontext():
            for number, _ in enumerate(each for each in events if isinstance(each, Made)):
                if number == 2:
                    end()
        monkeypatch.setattr(text_folder.TextFolder, "add", original)
        for name in ("samples.jsonl", "trajectory.jsonl"):
            lines = (OUT / name).read_text("utf-8").split("\n")[:-1]
            assert len([json.loads(line) for line in lines]) == 6
        assert made("prose", 8, batch=2)[1] == [6, 7]

    def test_before_there_is_a_folder(self) -> None:
        def events() -> Iterator[str]:
            os.kill(os.getpid(), signal.SIGINT)
            yield "work"

        with pytest.raises(Interrupted, match="every file that it wrote is whole"):
            list(until_interrupted(events()))
