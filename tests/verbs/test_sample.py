"""From options to files: batches are written as they come, and refusals come before any work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.errors import DataError, SettingError
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making
from sfumato.verbs.sample import Begun, Written, sample_files

Runs = Callable[..., Path]


def test_each_batch_is_in_its_files_before_the_next_begins(runs: Runs) -> None:
    run = runs("unet")
    counts = []
    for event in sample_files("unet", SampleOptions(5, batch=2, steps=2)):
        if isinstance(event, Making):
            counts.append(len(list((run / "samples/001").glob("0*.png"))))
    # Two steps of a batch are three states, the noise among them.
    assert counts == [0, 0, 0, 2, 2, 2, 4, 4, 4]


def test_events_come_in_order_and_the_files_last(runs: Runs) -> None:
    runs("unet")
    events = list(sample_files("unet", SampleOptions(3, batch=2, first=7, steps=1)))
    kinds = [type(event) for event in events]
    assert kinds == [Begun, Making, Making, Made, Making, Making, Made, Written]
    assert [list(event.indices) for event in events if isinstance(event, Made)] == [[7, 8], [9]]
    written = events[-1]
    assert isinstance(written, Written)
    assert [path.name for path in written.out.files] == ["00007.png", "00008.png", "00009.png"]


@pytest.mark.parametrize(("n", "noun"), [(1, "image"), (2, "images")])
def test_the_written_files_are_plain_data_and_lines(runs: Runs, n: int, noun: str) -> None:
    runs("unet")
    *_, written = sample_files("unet", SampleOptions(n, steps=1), out=Path("out"))
    assert isinstance(written, Written)
    content = written.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["files"] == [f"out/{index:05d}.png" for index in range(n)]
    assert content["seconds"] >= 0
    first, sheet = written.lines()
    assert first.startswith(f"{n} {noun} in out, ")
    assert sheet == "sheet: out/sheet.png"
    assert Path("out/sheet.png").is_file()


def test_each_trajectory_is_of_its_own_sample(text_runs: Runs) -> None:
    """Batches do not share a trajectory: its last state is the text itself."""
    text_runs("prose")
    options = SampleOptions(5, batch=2, steps=3)
    *_, written = sample_files("prose", options, out=Path("out"), trajectory=True)
    assert isinstance(written, Written)
    lines = Path("out/trajectory.jsonl").read_text("utf-8").split("\n")
    states = [json.loads(line) for line in lines if line]
    assert [line["index"] for line in states] == list(range(5))
    assert [line["states"][-1]["text"] for line in states] == written.out.texts  # type: ignore[attr-defined]


class TestRefusals:
    @pytest.mark.parametrize("run", ["unet", "prose"])
    def test_a_format_is_refused_before_a_folder_is_made(
        self, runs: Runs, text_runs: Runs, run: str
    ) -> None:
        (runs if run == "unet" else text_runs)(run)
        with pytest.raises(SettingError, match="cannot be written as 'wav'"):
            next(sample_files(run, SampleOptions(1), format="wav"))
        with pytest.raises(SettingError, match="cannot be written as 'wav'"):
            next(sample_files(run, SampleOptions(1), out=Path("out"), format="wav"))
        assert not Path("out").exists()
        assert not Path(f"runs/{run}/samples").exists()

    def test_a_file_in_the_way_is_refused_before_the_first_step(self, runs: Runs) -> None:
        runs("unet")
        Path("out").mkdir()
        Path("out/00001.png").write_text("precious")
        with pytest.raises(SettingError, match="nothing is overwritten"):
            next(sample_files("unet", SampleOptions(2), out=Path("out")))
        assert Path("out/00001.png").read_text() == "precious"

    def test_neither_a_run_nor_a_file(self, runs: Runs) -> None:
        runs("unet")
        with pytest.raises(SettingError, match="No run was named"):
            next(sample_files(None, SampleOptions()))
        Path("empty.png").touch()
        with pytest.raises(DataError, match=r"empty\.png"):
            next(sample_files(None, SampleOptions(), like=Path("empty.png")))
