"""A medium is one folder and one line: everything else works without knowing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sfumato
from sfumato.cli.main import main
from sfumato.errors import SettingError
from sfumato.media.medium import Medium
from sfumato.media.numbers import NumberMedium
from sfumato.media.registry import MEDIA
from sfumato.runs import spec as specs
from tests.media.heights.medium import HeightMedium, HeightSettings

CHANGES = {"engine.progress_seconds": 0, "medium.mirror": True, "sampling.steps": 4}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The one line."""
    sfumato.register(HeightMedium)
    yield
    MEDIA.remove(HeightMedium)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """40 maps of two classes: hills and valleys."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[-1:1:16j, -1:1:16j]
    for number in range(40):
        name, sign = ("hill", 1) if number % 2 else ("valley", -1)
        bump = 600 * sign * np.exp(-4 * (rows**2 + columns**2)) + rng.normal(0, 20, (3, 16, 16))
        folder = tmp_path / "maps" / name
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{number}.npy", bump.astype(np.float32))
    (tmp_path / "maps/hill/broken.npy").write_bytes(b"nothing")
    return tmp_path / "maps"


@pytest.fixture
def run(maps: Path, tmp_path: Path) -> sfumato.Run:
    """A run of eight steps."""
    return sfumato.train(
        maps, recipe="heights", name="maps", root=tmp_path / "runs", settings=CHANGES
    )


def test_train(run: sfumato.Run) -> None:
    spec = specs.read(run.directory.spec)
    assert spec.medium is HeightMedium and spec.recipe.medium == HeightSettings(mirror=True)
    assert (spec.data.count, spec.data.classes) == (40, ("hill", "valley"))
    assert "maps" in repr(run)


def test_sample_and_repeat(run: sfumato.Run, tmp_path: Path) -> None:
    samples = run.sample(3, seed=5, label="hill", steps=3)
    assert len(samples) == 3 and samples[0].shape == (3, 16, 16)
    assert samples[0].dtype == np.float32 and "<img" in samples._repr_html_()
    files = samples.save(tmp_path / "out")
    again = run.like(files[1])
    np.testing.assert_array_equal(again[0], samples[1])
    np.testing.assert_array_equal(np.load(files[1]), samples[1])


def test_the_command_line_knows_it(
    run: sfumato.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = run.directory.root
    main(["sample", str(root), "-n", "2", "--steps", "2", "--out", str(tmp_path / "a")])
    assert "2 maps" in capsys.readouterr().out
    like = ["--like", str(tmp_path / "a" / "00001.npy"), "--out", str(tmp_path / "b")]
    main(["sample", str(root), *like])
    first, second = (tmp_path / name / "00001.npy" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_check(maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "check", str(maps), "--recipe", "heights"])
    shown = capsys.readouterr().out
    assert "40" in shown and "broken.npy" in shown


def test_variations_of_a_file(run: sfumato.Run, maps: Path) -> None:
    start = next(maps.glob("hill/*1.npy"))
    samples = run.sample(2, seed=5, steps=3, start=start, strength=0.01)
    free = run.sample(2, seed=5, steps=3)
    distance, farther = (np.abs(found.items - np.load(start)).mean() for found in (samples, free))
    assert distance < farther / 2
    assert samples.provenance[0].start.path == str(start)


def test_evaluate_and_score(run: sfumato.Run, maps: Path) -> None:
    result = run.evaluate(n=24, steps=2, rows=4, draws=2)
    assert result.sampling["n"] == 24
    scores = run.score(maps / "hill", draws=2, steps=2)
    assert len(scores.items) == 20 and all(np.isfinite(item.bits) for item in scores.items)


def test_its_files_choose_its_recipe(maps: Path, tmp_path: Path) -> None:
    run = sfumato.train(maps, name="maps", root=tmp_path / "runs", steps=1, settings=CHANGES)
    assert specs.read(run.directory.spec).medium is HeightMedium


def test_what_cannot_be_registered() -> None:
    class Nothing(NumberMedium):
        name = "nothing"

    class Image(HeightMedium):
        name = "image"

    class Heights(HeightMedium):
        name = "other"

    with pytest.raises(SettingError, match=r"abstract: it does not define.* cache_key"):
        sfumato.register(Nothing)
    with pytest.raises(SettingError, match="There is a medium 'image' already"):
        sfumato.register(Image)
    with pytest.raises(SettingError, match="There is a recipe 'heights' already"):
        sfumato.register(Heights)
    assert issubclass(HeightMedium, Medium) and MEDIA.count(HeightMedium) == 1


def test_a_run_of_an_unknown_medium(run: sfumato.Run) -> None:
    MEDIA.remove(HeightMedium)
    try:
        with pytest.raises(sfumato.errors.SfumatoError, match="register"):
            sfumato.open(run.directory.root)
    finally:
        sfumato.register(HeightMedium)
