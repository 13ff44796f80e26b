"""Agreement with words of a tiny run, from files to a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import SettingError
from sfumato.evaluation.compare import comparison
from sfumato.evaluation.evaluate import Evaluation, evaluate
from sfumato.evaluation.result import Figure, Section
from sfumato.evaluation.words import Agreement
from sfumato.model.options import EvaluateOptions
from sfumato.run import open_run
from sfumato.training.train import planned, train
from tests.evaluation.evaluations import evaluated
from tests.words_runs import TINY_WORDS

COLOURS = {"red": (220, 40, 30), "green": (40, 200, 60), "blue": (30, 60, 220), "grey": (99,) * 3}
PLACES = ("left", "right", "top", "bottom", "middle")
OPTIONS = EvaluateOptions(n=30, steps=2, rows=2, draws=1, scales=(1.0, 3.0))


def pictures(folder: Path) -> Path:
    """Coloured pictures with a dark place: each combination of words three times."""
    folder.mkdir(parents=True)
    lines = []
    for number in range(60):
        colour, place = [*COLOURS][number % 4], PLACES[number % 5]
        pixels = np.random.default_rng(number).integers(0, 40, (8, 8, 3)) + COLOURS[colour]
        rows = {"top": slice(0, 3), "bottom": slice(5, 8), "middle": slice(3, 5)}
        columns = {"left": slice(0, 3), "right": slice(5, 8), "middle": slice(3, 5)}
        pixels[rows.get(place, slice(0, 8)), columns.get(place, slice(0, 8))] //= 4
        name = f"{number}.png"
        Image.fromarray(np.minimum(pixels, 255).astype(np.uint8)).save(folder / name)
        captions = [f"{colour}, dark {place}", f"dark at the {place} of {colour}"]
        row = {"file_name": name, "text": captions, "colour": colour, "place": place}
        lines.append(json.dumps(row))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _without_assets() -> Iterator[None]:
    """The figures do not depend on what was fetched before."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("captions", "of.image"):
            patch.setattr(f"sfumato.evaluation.{module}.asset_here", lambda name: None)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agreement")
    changes = (*TINY_WORDS, "data.held_out=0.4", "conditions.colour.kind=label",
               "conditions.place.kind=label")  # fmt: skip
    plan = planned("image-words", steps=2, changes=changes)
    for _ in train(pictures(root / "pictures"), plan, "words", root / "runs"):
        pass
    return root / "runs" / "words"


@pytest.fixture(scope="module")
def found(run: Path) -> Evaluation:
    return evaluated(run, OPTIONS)


def sections(evaluation: Evaluation) -> dict[str, Section]:
    return {section.key: section for section in evaluation.report.sections}


def figures(evaluation: Evaluation, key: str) -> dict[str, Figure]:
    return {figure.key: figure for figure in sections(evaluation)[key].figures}


def test_agreement_of_samples_beside_real_items(found: Evaluation) -> None:
    rows = figures(found, "agreement")
    assert list(rows) == ["held_out", "training", "shuffled"]
    for figure in rows.values():
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high
        assert figure.real is not None
    # The network has hardly learnt anything; of real pictures the words are found.
    assert (rows["held_out"].real or 0) > 2 / 16
    assert found.words.of_each is not None
    assert found.words.of_each.mean().item() == pytest.approx(rows["held_out"].value)


def test_agreement_and_variety_by_scale(found: Evaluation) -> None:
    rows = figures(found, "scales")
    keys = [f"{what}/{scale}" for scale in "13" for what in ("agreement", "recall", "coverage")]
    assert list(rows) == keys


def test_labels_among_the_conditions(found: Evaluation) -> None:
    rows = figures(found, "fields")
    assert {"colour", "colour/shuffled", "place", "place/shuffled"} <= set(rows)
    assert rows["colour"].n == (30,)
    assert (rows["colour"].real or 0) > 0.8


def test_the_seed_decides_everything(run: Path, found: Evaluation) -> None:
    assert evaluated(run, OPTIONS).report == found.report


def test_equal_runs_agree_equally(found: Evaluation) -> None:
    (row,) = [row for row in comparison(found, found).rows if row.key == "agreement/held_out"]
    assert row.difference is not None
    assert row.difference.value == 0
    assert row.verdict == "cannot be distinguished"


def test_the_better_reader_is_found(found: Evaluation) -> None:
    assert found.words.of_each is not None
    perfect = replace(found.words, of_each=torch.ones_like(found.words.of_each))
    better = replace(found, words=perfect)
    (row,) = [row for row in comparison(better, found).rows if row.key == "agreement/held_out"]
    assert row.verdict == "words is better"
    other = replace(found, words=replace(perfect, prompts=("another",)))
    (row,) = [row for row in comparison(other, found).rows if row.key == "agreement/held_out"]
    assert row.difference is None


def test_few_items_are_no_alignment(finished_words: Path) -> None:
    small = evaluated(finished_words / "words", EvaluateOptions(n=4, steps=1, rows=2, draws=1))
    for figure in sections(small)["agreement"].figures:
        assert figure.value is None or figure.flag is not None or figure.key != "held_out"


def test_scales_are_refused_before_any_work(run: Path, finished_runs: Path) -> None:
    def first(place: Path, *scales: float) -> None:
        next(evaluate(open_run(place).model, EvaluateOptions(n=4, scales=scales)))

    with pytest.raises(SettingError, match="without captions"):
        first(finished_runs / "unet", 2.0)
    with pytest.raises(SettingError, match="only once"):
        first(run, 2.0, 2.0)
    with pytest.raises(SettingError, match="scales cannot be"):
        first(run, float("nan"))


def test_a_run_without_words_has_no_such_sections(finished_runs: Path) -> None:
    plain = evaluated(finished_runs / "unet", EvaluateOptions(n=4, steps=1, rows=2, draws=1))
    assert not {"agreement", "scales", "fields"} & set(sections(plain))
    assert plain.words == Agreement()
