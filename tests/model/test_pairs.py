"""Samples beside a file: a tiny run learns that pictures have the colours of their sketches."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from sfumato.conditioning.registry import values_of
from sfumato.errors import DataError, RunError, SettingError
from sfumato.media.number_data import NumberData
from sfumato.model.numbers import NumberModel
from sfumato.model.options import SampleOptions
from sfumato.run import Run, open_run
from sfumato.training.data import prepare
from sfumato.training.train import planned, resume, train
from sfumato.verbs.sample import Written, sample_files

STEPS = 100


def halves(seed: int) -> NDArray[np.uint8]:
    """Two colours side by side, (16, 16, 3)."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 1, 1, 3), dtype=np.uint8)
    return np.concatenate([np.broadcast_to(colour, (16, 8, 3)) for colour in colours], 1)


def save(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(halves(seed)).save(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny: tuple[str, ...]) -> Path:
    """A folder with the data of a run, and the run."""
    root = tmp_path_factory.mktemp("pairs")
    for number in range(32):
        for folder in ("photos", "sketch"):
            save(root / "data" / folder / f"{number}.png", number)
    changes = ["conditions.sketch.kind=pair", "engine.batch=16", "engine.optimizer.lr=3e-3"]
    plan = planned("image", steps=STEPS, changes=[*tiny, *changes])
    for _ in train(root / "data", plan, "run", root / "runs"):
        pass
    return root


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the run and a sketch that it has not seen."""
    shutil.copytree(place / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return save(tmp_path / "new.png", 1000)


@pytest.fixture
def run(here: Path) -> Run:
    return open_run("run")


def files(out: str, like: Path | None = None, run: str | None = "run", **own: Any) -> list[Path]:
    *_, written = sample_files(run, SampleOptions(**own), out=Path(out), like=like)
    assert isinstance(written, Written)
    return written.out.files


def likeness(run: Run, seed: int, own: Any) -> float:
    """The correlation of samples with a picture."""
    samples = run.sample(4, conditions=own, steps=8, scale=1.0)
    found = np.stack([np.asarray(sample) for sample in samples]).astype(float)
    wanted = halves(seed).astype(float).ravel()
    return float(np.mean([np.corrcoef(one.ravel(), wanted)[0, 1] for one in found]))


def test_samples_follow_the_sketch(run: Run, tmp_path: Path) -> None:
    sketches = {seed: save(tmp_path / f"{seed}.png", seed) for seed in range(1000, 1006)}
    own = [likeness(run, seed, {"sketch": path}) for seed, path in sketches.items()]
    none = [likeness(run, seed, {}) for seed in sketches]
    assert np.mean(own) > 0.5
    assert np.mean(own) > np.mean(none) + 0.4


def test_files_are_the_same_in_any_batch(here: Path) -> None:
    own: dict[str, Any] = {"n": 5, "conditions": (f"sketch={here}",), "scale": 1.5}
    made = [files(f"out{batch}", batch=batch, **own) for batch in (1, 2, 5)]
    for one, two, five in zip(*made, strict=True):
        assert one.read_bytes() == two.read_bytes() == five.read_bytes()


def test_a_sample_is_made_again(here: Path) -> None:
    first, *_ = files("first", n=1, conditions=("sketch=new.png",))
    provenance = open_run("run").model.medium.read_provenance(first)
    assert provenance["conditions"]["sketch"]["path"] == "new.png"
    (again,) = files("again", like=first)
    assert again.read_bytes() == first.read_bytes()
    save(here, 1001)
    with pytest.raises(DataError, match="not the file that the sample was made from"):
        files("changed", like=first)
    here.unlink()
    with pytest.raises(DataError, match=r"new\.png"):
        files("missing", like=first)


def test_a_stored_file_without_its_digest_is_refused(run: Run, here: Path) -> None:
    request = run.model.request(SampleOptions(1, conditions={"sketch": here}))
    stored = request.sample.stored()
    assert type(request.sample).model_validate(stored).files["sketch"].sha256
    stored["conditions"]["sketch"] = {"path": "/etc/passwd"}
    with pytest.raises(ValidationError, match="no digest"):
        type(request.sample).model_validate(stored)


def test_an_array_takes_the_place_of_a_file(run: Run, here: Path) -> None:
    pixels = np.moveaxis(halves(1000), 2, 0)
    signal = run.model.medium.examples(pixels[None]).x0[0]
    by_file = run.sample(1, conditions={"sketch": here}, steps=2)
    for array in (signal, signal.numpy().astype(np.float64)):
        by_array = run.sample(1, conditions={"sketch": array}, steps=2)
        assert np.array_equal(np.asarray(by_array[0]), np.asarray(by_file[0]))
    path = by_array.save("arrays")[0]
    with pytest.raises(SettingError, match=r"made again.*\n.*array in memory"):
        open_run("run").model.like(path)
    with pytest.raises(SettingError, match=r"of shape \(3, 16, 16\)"):
        run.sample(1, conditions={"sketch": signal[:, :8]})


def test_sketches_of_the_data_are_read_from_their_files(run: Run, place: Path) -> None:
    *_, data = prepare(place / "data", run.model.spec.recipe)
    assert isinstance(data, NumberData)
    assert isinstance(run.model, NumberModel)
    items = [data.dataset.items[number] for number in (3, 0)]
    rows = run.model.rows_of([*(values_of(data.conditions, item) for item in items), {}])
    wanted = data.medium.examples(data.dataset.gather([3, 0])[0]).x0
    assert torch.equal(rows["sketch"][:2, :-1], wanted)
    assert not rows["sketch"][2].any()


def test_sketches_are_unknown_by_default(run: Run) -> None:
    request = run.model.request(SampleOptions(2))
    assert not run.model.conditions(request.sample, [0, 1])["sketch"].any()
    known = run.model.request(SampleOptions(2, conditions={"sketch": "new.png"}))
    rows = run.model.conditions(known.sample, [0, 1])["sketch"]
    assert torch.equal(rows[0], rows[1])
    assert (rows[:, -1] == 1).all()


def test_damaged_files_are_refused_before_any_work(run: Run, here: Path) -> None:
    here.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"new\.png"):
        run.model.request(SampleOptions(1, conditions={"sketch": here}))


def test_edits_take_sketches_at_the_size_of_the_model(
    run: Run, here: Path, make_picture: Callable[..., Path]
) -> None:
    result = run.edit(here, 1, box=(8, 0, 8, 16), conditions={"sketch": here}, steps=2)
    assert len(result) == 1
    large = make_picture("large.png", size=(32, 16))
    with pytest.raises(SettingError, match="sketch cannot be used here"):
        list(run.edit(large, 1, box=(8, 0, 8, 16), conditions={"sketch": here}, steps=2))


def test_a_run_is_resumed_with_the_same_sketches(here: Path, place: Path) -> None:
    for _ in resume(open_run("run").directory, steps=STEPS + 1):
        pass
    sketch = place / "data/sketch/0.png"
    before = sketch.read_bytes()
    save(sketch, 99)
    try:
        with pytest.raises(RunError, match="the condition 'sketch' has other values"):
            list(resume(open_run("run").directory, steps=STEPS + 2))
    finally:
        sketch.write_bytes(before)


def test_classes_are_drawn_as_in_a_run_without_pairs(
    own_pictures: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    for kind in ("cat", "dog"):
        shutil.copytree(own_pictures / kind, own_pictures / "sketch" / kind)
    plan = planned("image", steps=1, changes=[*tiny, "conditions.sketch.kind=pair"])
    for _ in train(own_pictures, plan, "classes", tmp_path / "runs"):
        pass
    model = open_run(tmp_path / "runs/classes").model
    assert model.spec.data.classes == ("cat", "dog")
    drawn = model.conditions(model.request(SampleOptions(64)).sample, range(64))
    assert set(drawn["label"].tolist()) == {0, 1}
    options = SampleOptions(2, conditions={"sketch": own_pictures / "cat/0.png"})
    unknown = model.conditions(model.request(options).sample, range(2))
    assert unknown["label"].tolist() == [2, 2]
