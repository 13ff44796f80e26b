"""Files scored by runs of a few steps, of every medium."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from sfumato import storage
from sfumato.errors import DataError, SettingError
from sfumato.evaluation.files import score_files
from sfumato.evaluation.likelihood import length_bits
from sfumato.evaluation.score import Scores
from sfumato.likelihood import (
    DiscreteReconstruction,
    GaussianReconstruction,
    Hutchinson,
    flow_likelihood,
    gaussian_bound,
)
from sfumato.media.text.rows import RowBatch
from sfumato.model.numbers import NumberModel
from sfumato.model.options import ScoreOptions
from sfumato.model.tokens import TokenModel, bound_of_rows
from sfumato.run import open_run
from sfumato.runs.progress import Progress
from tests.media_runs import play

Runs = Callable[..., Path]
QUICK: dict[str, Any] = {"draws": 2, "steps": 3, "held_out": 0}
METHODS = pytest.mark.parametrize("method", ["bound", "ode"])


def bits(found: Scores) -> dict[str, float]:
    return {Path(item.name).name: item.bits for item in found.items}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Noise, and pictures of one grey: hardly like each other."""
    folder = tmp_path / "odd"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    for grey in (0, 120):
        Image.new("RGB", (20, 16), (grey, grey, grey)).save(folder / f"grey-{grey}.png")
    return folder


class TestPictures:
    @METHODS
    @pytest.mark.parametrize("name", ["unet", "transformer", "plain"])
    def test_they_are_the_estimates_of_the_likelihood(
        self, finished_runs: Path, odd: Path, name: str, method: Any
    ) -> None:
        run = open_run(finished_runs / name)
        model = run.model
        assert isinstance(model, NumberModel)
        found = bits(run.score(odd, method=method, seed=3, **QUICK))
        x0 = model.medium.examples(model.medium.read(odd / "noise.png")[None]).x0
        x0 = x0.expand(2, -1, -1, -1).to(model.device)
        null = torch.full((2,), 2, device=model.device)
        cond = {} if name == "plain" else {"label": null}
        if method == "bound":
            denoiser = model.evaluated(model.denoiser, "fp32")
            nats = gaussian_bound(denoiser, x0, DiscreteReconstruction(), 3, 3, **cond).nats
        else:
            nats = flow_likelihood(
                model.denoiser, x0, DiscreteReconstruction(), Hutchinson(), 3, 3, **cond
            ).nats
        expected = nats.mean().item() / (3 * 16 * 16 * math.log(2))
        assert found["noise.png"] == pytest.approx(expected, rel=1e-6)

    @METHODS
    def test_neither_other_files_nor_their_order_change_a_score(
        self, finished_runs: Path, odd: Path, pictures: Path, method: Any
    ) -> None:
        run = open_run(finished_runs / "unet")
        files = sorted(odd.iterdir())
        whole = bits(run.score(*files, pictures / "dog", method=method, **QUICK))
        assert len(whole) == 6
        again = bits(run.score(pictures / "dog", *reversed(files), method=method, **QUICK))
        assert again == whole
        for file in files:
            assert bits(run.score(file, method=method, **QUICK)) == {file.name: whole[file.name]}
        other = bits(run.score(odd, method=method, **QUICK | {"seed": 1}))
        assert all(other[name] != whole[name] for name in other)

    def test_a_label_is_told(self, finished_runs: Path, odd: Path) -> None:
        run = open_run(finished_runs / "unet")
        found = [bits(run.score(odd, label=label, **QUICK)) for label in (None, "cat", "dog")]
        assert len({each["noise.png"] for each in found}) == 3

    def test_each_stands_beside_what_was_held_out(self, finished_runs: Path, odd: Path) -> None:
        run = open_run(finished_runs / "unet")
        found = run.score(odd, **QUICK | {"held_out": 2})
        assert found.reference is not None
        assert not found.notes
        assert 1 <= len(found.reference.bits) <= 2
        names = [item.name for item in found.items]
        assert sorted(names) == sorted(str(path) for path in odd.iterdir())
        assert [item.bits for item in found.items] == sorted(bits(found).values(), reverse=True)
        for item in found.items:
            assert item.less_likely == (found.reference.bits >= item.bits).sum()

    def test_held_out_items_are_scored_like_files(
        self, runs: Runs, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = open_run(runs("unet"))
        found = run.score(pictures, **QUICK | {"held_out": 50})
        assert found.reference is not None
        of_files = {item.bits for item in found.items}
        assert len(of_files) == 12
        assert 0 < len(found.reference.bits) < 12
        assert set(found.reference.bits.tolist()) <= of_files

    def test_files_are_there_once_and_what_cannot_be_read_is_set_aside(
        self, finished_runs: Path, odd: Path, tmp_path: Path
    ) -> None:
        (odd / "bad.png").write_bytes(b"no picture")
        (tmp_path / "words.txt").write_text("no picture either")
        (tmp_path / "empty").mkdir()
        places = odd, odd / "noise.png", odd / ".." / "odd", tmp_path / "words.txt"
        nowhere = tmp_path / "nowhere.png", tmp_path / "empty"
        found = open_run(finished_runs / "plain").score(*places, *nowhere, **QUICK)
        assert len(found.items) == 3
        reasons = {Path(name).name: reason for name, reason in found.set_aside}
        assert reasons.keys() == {"bad.png", "words.txt", "nowhere.png", "empty"}
        assert reasons["bad.png"].startswith("not an image in a known format")
        assert "no file or folder" in reasons["nowhere.png"]
        assert reasons["empty"] == "the folder is empty"

    def test_nothing_that_can_be_read_is_an_error(
        self, finished_runs: Path, tmp_path: Path
    ) -> None:
        run = open_run(finished_runs / "plain")
        with pytest.raises(DataError, match="None of the files") as told:
            run.score(tmp_path / "nowhere.png", **QUICK)
        assert "nowhere.png" in told.value.why
        with pytest.raises(DataError, match="None of the files"):
            run.score(**QUICK)

    def test_without_the_run_s_data_there_is_a_score_and_a_note(
        self, finished_runs: Path, odd: Path, tmp_path: Path
    ) -> None:
        copy = shutil.copytree(finished_runs / "plain", tmp_path / "plain")
        spec = storage.read_sealed_json(copy / "spec.json")
        spec["data"]["source"] = str(tmp_path / "moved")
        storage.write_sealed_json(copy / "spec.json", spec)
        found = open_run(copy).score(odd, **QUICK | {"held_out": 4})
        assert found.reference is None
        assert len(found.items) == 3
        assert "cannot be read" in found.notes[0]

    def test_labels_that_are_none(self, finished_runs: Path, odd: Path) -> None:
        with pytest.raises(SettingError, match="no label 'cow'"):
            open_run(finished_runs / "unet").score(odd, label="cow")
        with pytest.raises(SettingError, match="neither a label"):
            open_run(finished_runs / "plain").score(odd, label="cat")

    def test_progress_comes_first_and_the_scores_last(self, finished_runs: Path, odd: Path) -> None:
        *progress, found = score_files(
            finished_runs / "unet", [odd], ScoreOptions(**QUICK | {"held_out": 1})
        )
        assert all(isinstance(event, Progress) for event in progress)
        assert [e.done for e in progress if "files" in e.what] == [0, 1, 2]  # type: ignore[union-attr]
        assert isinstance(found, Scores)
        again = open_run(finished_runs / "unet").score(odd, **QUICK | {"held_out": 1})
        assert found.to_json() == again.to_json()


class TestSounds:
    @METHODS
    @pytest.mark.parametrize("name", ["tones", "wave", "hum"])
    def test_they_are_densities_given_their_length(
        self, finished_sounds: Path, tmp_path: Path, name: str, method: Any
    ) -> None:
        run = open_run(finished_sounds / name)
        model = run.model
        assert isinstance(model, NumberModel)
        folder = play(tmp_path / "others", count=2)
        found = run.score(folder, method=method, **QUICK)
        assert len(found.items) == 4
        path = folder / "low" / "0.wav"
        encoded = model.medium.examples(np.repeat(model.medium.read(path)[None], 2, 0))
        cond: dict[str, Any] = {"length": encoded.filled}
        if name != "hum":
            cond["label"] = torch.full((2,), 2)
        cond = {key: value.to(model.device) for key, value in cond.items()}
        x0 = encoded.x0.to(model.device)
        if method == "bound":
            denoiser = model.evaluated(model.denoiser, "fp32")
            nats = gaussian_bound(denoiser, x0, GaussianReconstruction(), 3, 0, **cond).nats
        else:
            nats = flow_likelihood(
                model.denoiser, x0, GaussianReconstruction(), Hutchinson(), 3, 0, **cond
            ).nats
        [score] = [item for item in found.items if item.name == str(path)]
        expected = nats.mean().item() / (x0[0].numel() * math.log(2))
        assert score.bits == pytest.approx(expected, rel=1e-6)

    def test_they_stand_beside_those_held_out(self, finished_sounds: Path, tmp_path: Path) -> None:
        run = open_run(finished_sounds / "tones")
        noise = np.random.default_rng(0).normal(0, 0.3, 900)
        soundfile.write(tmp_path / "noise.wav", noise, 4000)
        (tmp_path / "bad.wav").write_bytes(b"no sound")
        found = run.score(tmp_path, **QUICK | {"held_out": 3})
        assert found.reference is not None
        assert [Path(item.name).name for item in found.items] == ["noise.wav"]
        assert [Path(entry.name).name for entry in found.set_aside] == ["bad.wav"]


class TestTexts:
    @pytest.mark.parametrize("name", ["prose", "uniform", "labelled"])
    def test_they_are_the_bits_of_each_text_s_own_rows(
        self, finished_texts: Path, tmp_path: Path, name: str
    ) -> None:
        run = open_run(finished_texts / name)
        model = run.model
        assert isinstance(model, TokenModel)
        text = "0246824" if name == "labelled" else "the sea is blue"
        (tmp_path / "short.txt").write_text(text)
        (tmp_path / "long.txt").write_text(text * 9)
        found = bits(run.score(tmp_path, **QUICK))
        tokens = model.tokenizer.encode(text).astype(np.int64)
        size = len(tokens)
        row = np.pad(tokens, (0, 32 - size))
        segments = np.where(np.arange(32) < size, 0, -1)
        rows = RowBatch(np.stack([row, row]), np.stack([segments, segments]), None)
        nats = bound_of_rows(model.denoiser, rows, 3, 0, classes=0).numpy()
        lengths = length_bits(rows.segments, model.spec.data.lengths)
        expected = (nats / math.log(2) + lengths).mean() / len(text)
        assert found["short.txt"] == pytest.approx(expected, rel=1e-6)
        assert bits(run.score(tmp_path / "long.txt", **QUICK)) == {"long.txt": found["long.txt"]}

    def test_records_are_texts_with_lines_and_need_no_class(
        self, finished_texts: Path, tmp_path: Path
    ) -> None:
        run = open_run(finished_texts / "labelled")
        path = tmp_path / "some.jsonl"
        path.write_text('{"text": "2468"}\nno record\n{"text": "13579"}\n')
        found = run.score(path, label="odd", **QUICK | {"held_out": 3})
        assert {item.name for item in found.items} == {f"{path}:1", f"{path}:3"}
        assert [entry.name for entry in found.set_aside] == [f"{path}:2"]
        assert found.reference is not None
        plain = bits(run.score(path, **QUICK))
        assert plain["some.jsonl:3"] != bits(found)["some.jsonl:3"]

    def test_they_stand_beside_windows_of_what_was_held_out(
        self, finished_texts: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "odd.txt").write_text("zzzz zzzz zzzz\n" * 5)
        found = open_run(finished_texts / "prose").score(
            tmp_path / "odd.txt", **QUICK | {"held_out": 5}
        )
        assert found.reference is not None
        assert len(found.reference.bits) == 5
        assert found.items[0].z is not None
        assert found.unit == "bits per character"

    def test_the_ode_is_not_for_text(self, finished_texts: Path, prose: Path) -> None:
        with pytest.raises(SettingError, match="not for a run on text"):
            open_run(finished_texts / "prose").score(prose, method="ode")
