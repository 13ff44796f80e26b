from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.evaluation.display import Images
from sfumato.metrics.memorisation import memorisation
from sfumato.model.options import EvaluateOptions
from sfumato.run import open_run
from sfumato.training.train import planned, train
from tests.conftest import paint
from tests.evaluation.evaluations import evaluated

Runs = Callable[..., Path]
SMALL = EvaluateOptions(n=6, rows=3, draws=2)


def test_the_report_is_whole(runs: Runs) -> None:
    report = evaluated(runs("unet"), SMALL).report
    assert (report.run, report.medium) == ("unet", "image")
    assert [section.key for section in report.sections] == [
        "distance/random-features", "distance/patch-components", "copies/random-features",
        "variety/random-features", "classes/random-features", "likelihood",
    ]  # fmt: skip
    for section in report.sections:
        assert (section.extractor is None) == (section.key == "likelihood")
    assert report.split.training + report.split.held_out == 12
    bits = report["likelihood/training"]
    assert bits.value is not None
    assert 0 < bits.value < 20


def test_without_classes_no_section_is_about_them(runs: Runs) -> None:
    report = evaluated(runs("plain"), SMALL).report
    assert not any(section.key.startswith("classes") for section in report.sections)


def test_what_is_shown_are_the_samples(runs: Runs) -> None:
    run = runs("unet")
    found = evaluated(run, SMALL)
    samples, real, pairs = [one for one in found.displays if isinstance(one, Images)]
    (caption, png) = samples.images[0]
    assert caption == "samples"
    sheet = open_run(run).model.medium.sheet(open_run(run).sample(6).items)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), np.asarray(sheet))
    assert all(image.startswith(b"\x89PNG") for _, image in (*real.images, *pairs.images))


def test_the_first_features_are_of_the_samples_of_the_seed(runs: Runs) -> None:
    run = runs("unet")
    first, again, other = (
        evaluated(run, EvaluateOptions(n=6, rows=3, draws=2, seed=s)) for s in (0, 0, 1)
    )
    assert first.report == again.report
    assert first.displays == again.displays
    assert first.report.sections != other.report.sections


def test_other_real_pictures_take_the_place_of_those_held_out(runs: Runs, tmp_path: Path) -> None:
    run = runs("unet")
    others = paint(tmp_path / "others", {"cat": 5, "dog": 5})
    report = evaluated(run, EvaluateOptions(n=6, rows=10, draws=1, data=str(others))).report
    assert report.split.held_out == 10
    assert report.split.held_out_source == others.name
    assert report["distance/random-features/held_out"].n == (6, 10)
    assert report["likelihood/held_out"].n == (10,)
    assert f"the held-out items are those of {others.name}" in report.notes
    # Classes have the run's numbers, by their names.
    assert report["classes/random-features/in_class"].real is not None


def test_other_pictures_of_unknown_classes_judge_no_classifier(runs: Runs, tmp_path: Path) -> None:
    others = paint(tmp_path / "others", {"cat": 4, "cow": 4})
    report = evaluated(runs("unet"), EvaluateOptions(n=6, rows=4, draws=1, data=str(others))).report
    assert report["classes/random-features/in_class"].real is None


def test_nothing_to_compare_with(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        evaluated(runs("unet"), EvaluateOptions(n=6, data=str(tmp_path / "nowhere")))


class Brightness:
    name, identity, dimension = "brightness", "b" * 16, 1

    def __call__(self, items: NDArray[np.uint8]) -> torch.Tensor:
        assert items.dtype == np.uint8
        assert items.shape[1:] == (3, 16, 16)
        return torch.from_numpy(items.mean((1, 2, 3), dtype=np.float64)[:, None]).float()


def test_an_extractor_of_one_s_own(runs: Runs) -> None:
    found = evaluated(runs("unet"), replace(SMALL, extractors=[Brightness()]))
    section = next(one for one in found.report.sections if one.key == "distance/brightness")
    assert section.extractor == "b" * 16


def test_an_extractor_that_is_given_twice_is_used_once(runs: Runs) -> None:
    found = evaluated(runs("unet"), replace(SMALL, extractors=[Brightness(), Brightness()]))
    keys = [section.key for section in found.report.sections]
    assert keys.count("distance/brightness") == 1


def test_an_extractor_that_is_no_model(runs: Runs, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "eye.onnx").write_text("no model")
    with pytest.raises(DataError, match="no model that can be run"):
        evaluated(runs("unet"), EvaluateOptions(n=6, extractors=(str(tmp_path / "eye.onnx"),)))


def test_pairs_are_of_the_samples_nearest_to_training_pictures(runs: Runs) -> None:
    found = evaluated(runs("unet"), SMALL)
    seen = found.features[0]
    expected = memorisation(seen.samples, seen.training, seen.held_out)
    nearest = np.argsort(expected.distances, kind="stable")
    assert len(nearest) == 6
    (pairs,) = [one for one in found.displays if "nearest" in one.title]
    assert isinstance(pairs, Images)
    with Image.open(io.BytesIO(pairs.images[0][1])) as picture:
        # Two rows: the samples, and below each the training picture.
        assert picture.width > 2.5 * picture.height


def test_refusals(runs: Runs) -> None:
    with pytest.raises(SettingError, match="option 'molecules' is not for images"):
        evaluated(runs("unet"), EvaluateOptions(molecules=True))


def small_run(tmp_path: Path, tiny: tuple[str, ...], count: int, *changes: str) -> Path:
    data = paint(tmp_path.parent / "few-data", {"all": count})
    plan = planned("image", steps=2, changes=(*tiny, *changes))
    for _ in train(data, plan, "few", tmp_path):
        pass
    return tmp_path / "few"


def test_nothing_is_held_out(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    report = evaluated(small_run(root, tiny, 6, "data.held_out=0"), SMALL).report
    assert any("no items were held out" in note for note in report.notes)
    for key in ("distance/random-features/held_out", "copies/random-features/nearer"):
        assert report[key].value is None
        assert report[key].flag
    assert report["likelihood/held_out"].value is None
    assert report["likelihood/training"].value is not None
    assert not (root / "few/best.safetensors").exists()


@pytest.mark.parametrize("count", [1, 2])
def test_next_to_nothing_is_refused_before_any_work(
    tmp_path: Path, tiny: tuple[str, ...], count: int
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    with pytest.raises(DataError, match="cannot be evaluated") as refused:
        evaluated(small_run(root, tiny, count, "data.held_out=0"), SMALL)
    assert f"trained on {count} items" in refused.value.why


def test_three_items_are_just_enough(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """Figures are refused one by one; the rest of the report stands."""
    root = tmp_path / "runs"
    root.mkdir()
    report = evaluated(small_run(root, tiny, 3, "data.held_out=0"), SMALL).report
    assert report["likelihood/training"].value is not None
    assert report["distance/random-features/held_out"].value is None
    assert report["variety/random-features/precision"].flag
