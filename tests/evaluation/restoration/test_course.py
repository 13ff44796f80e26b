from __future__ import annotations

import io
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.evaluation.display import AudioClips, Images, Plot
from sfumato.evaluation.of import audio as audio_module
from sfumato.evaluation.of import view_of
from sfumato.evaluation.page import report_page
from sfumato.evaluation.restoration.course import Course, Restored, evaluated, restore
from sfumato.evaluation.restoration.outcome import Outcomes
from sfumato.evaluation.restoration.trials import trials_of
from sfumato.evaluation.result import Report, summary
from sfumato.model.edits import EditingModel
from sfumato.model.options import EvaluateOptions
from sfumato.restoration.moment_matching import Quick
from sfumato.run import open_run
from sfumato.runs.progress import Progress
from sfumato.training.train import planned, train
from tests.conftest import paint

Runs = Callable[..., Path]
SMALL = EvaluateOptions(n=3, steps=2, restore=("inpaint",), restore_samples=2)


@pytest.fixture(autouse=True)
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained embedding of sounds would be fetched."""
    monkeypatch.setattr(audio_module, "_trained", lambda: [])


def drained(events: Generator[Progress, None, Any]) -> Any:
    while True:
        try:
            assert isinstance(next(events), Progress)
        except StopIteration as end:
            return end.value


def restored(run: Path, options: EvaluateOptions) -> Restored:
    found = drained(restore(open_run(run).model, options))
    assert isinstance(found, Restored)
    return found


@pytest.fixture
def run(runs: Runs) -> Path:
    """A run with 3 held-out pictures of 12."""
    return runs("unet")


def without_seconds(report: Report) -> Report:
    sections = tuple(
        replace(section, figures=tuple(one for one in section.figures if one.key != "seconds"))
        for section in report.sections
    )
    return replace(report, sections=sections)


def test_the_report_is_whole(run: Path) -> None:
    options = replace(SMALL, restore=("inpaint", "denoise"))
    found = restored(run, options)
    report = found.report
    assert [section.key for section in report.sections] == [
        "restore/inpaint", "restore/inpaint/calibration",
        "restore/denoise", "restore/denoise/calibration",
    ]  # fmt: skip
    for key in (
        "psnr_one", "psnr_mean", "ssim_one", "ssim_mean", "residual", "poor", "effective", "seconds"
    ):  # fmt: skip
        figure = report[f"restore/inpaint/{key}"]
        assert figure.value is not None
        assert figure.n == (len(found_items(report)),)
    distance = report["restore/inpaint/distance_random-features"]
    assert distance.value is not None or distance.flag
    assert report["restore/inpaint/calibration/functionals_coverage_90"].real == 1 / 3
    assert sum(report.sections[1].histograms[0].shares) == pytest.approx(1)
    assert report.sampling["method"]["kind"] == "moment-matching"
    assert summary(report)
    for display in found.displays:
        assert isinstance(display, Images | Plot)
    assert "ranks of the truth" in report_page(report, found.displays)


def found_items(report: Report) -> range:
    return range(report.sampling["items"])


def test_a_report_is_a_function_of_the_seed(run: Path) -> None:
    reports = [
        without_seconds(restored(run, replace(SMALL, seed=seed)).report) for seed in (0, 0, 1)
    ]
    assert reports[0] == reports[1]
    assert reports[0].sections != reports[2].sections


def test_a_row_of_the_picture_begins_with_the_truth(run: Path) -> None:
    found = restored(run, SMALL)
    picture = next(one for one in found.displays if isinstance(one, Images))
    view: Any = view_of(open_run(run).model)(open_run(run).model, SMALL)
    truth = drained(view.real()).held_out[0]
    with Image.open(io.BytesIO(picture.images[0][1])) as image:
        pixels = np.asarray(image)
    # Of two samples there are six columns, each 16 pixels enlarged six times.
    assert pixels.shape[1] == 6 * (16 * 6 + 6) + 6
    assert np.array_equal(pixels[6:102:6, 6:102:6], truth.transpose(1, 2, 0))


def outcomes(run: Path, options: EvaluateOptions, places: list[int], batch: int = 0) -> Outcomes:
    model = open_run(run).model
    assert isinstance(model, EditingModel)
    view: Any = view_of(model)(model, options)
    course = Course(model, view, options, Quick(particles=2))
    if batch:
        usual = course._request
        course._request = lambda *args: replace(usual(*args), batch=batch)  # type: ignore[method-assign]
    real = drained(view.real())
    items = np.concatenate([real.held_out, real.training[:2]])
    (trial,) = trials_of(model.medium, options.restore)
    found = drained(course.outcomes(trial, items, places))
    assert isinstance(found, Outcomes)
    return found


def test_an_item_does_not_depend_on_the_others_or_on_the_batch(run: Path) -> None:
    options = replace(SMALL, restore_samples=3)
    both = outcomes(run, options, [0, 1])
    alone = outcomes(run, options, [1], batch=2)
    assert torch.equal(both.each[1].values, alone.each[0].values)
    assert torch.equal(both.each[1].samples, alone.each[0].samples)
    assert both.each[1].fits == alone.each[0].fits
    # Each item has noise of its own.
    noises = [one.values - one.operator.forward(one.truth) for one in both.each]
    assert not torch.allclose(noises[0], noises[1], atol=1e-3)


def test_restorations_have_the_levels_of_a_file(run: Path) -> None:
    levels = (outcomes(run, SMALL, [0]).each[0].samples + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert levels.min() >= -1e-3
    assert levels.max() <= 255.001


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (replace(SMALL, restore=("inpant",)), "inpant"),
        (replace(SMALL, restore=("gap",)), "'gap' is not for"),
        (replace(SMALL, rows=4), "rows"),
        (replace(SMALL, restore=(), steps=None), "no use alone"),
        (replace(SMALL, restore_samples=1), "restore_samples cannot be 1"),
        (replace(SMALL, n=0), "n cannot be 0"),
        (replace(SMALL, sampler="nosuch"), "sampler"),
    ],
)
def test_refusals(run: Path, options: EvaluateOptions, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        drained(evaluated(open_run(run).model, options))


def test_nothing_is_held_out(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    data = paint(tmp_path / "pictures", {"all": 5})
    plan = planned("image", steps=2, changes=(*tiny, "data.held_out=0"))
    for _ in train(data, plan, "none", tmp_path / "runs"):
        pass
    with pytest.raises(DataError, match="cannot be measured"):
        restored(tmp_path / "runs/none", SMALL)


def test_sounds(sound_runs: Runs) -> None:
    options = EvaluateOptions(n=3, steps=2, restore=("gap", "bandwidth"), restore_samples=2)
    found = restored(sound_runs("tones"), options)
    for trial in ("gap", "bandwidth"):
        figure = found.report[f"restore/{trial}/lsd_one"]
        assert figure.value is not None
        assert figure.real is not None
        assert figure.value > 0
        assert found.report[f"restore/{trial}/psnr_mean"].value is not None
    assert found.report["restore/gap/lsd_repeated"].value is not None
    kinds = [type(display) for display in found.displays]
    assert kinds == [Images, Plot, AudioClips, Plot] * 2
