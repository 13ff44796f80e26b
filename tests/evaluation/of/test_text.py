from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sfumato.errors import MissingExtra, SettingError
from sfumato.evaluation.display import Texts
from sfumato.evaluation.of import text as text_module
from sfumato.model.options import EvaluateOptions
from tests.evaluation.evaluations import evaluated

Runs = Callable[..., Path]
SMALL = EvaluateOptions(n=6, rows=8, draws=2)


@pytest.fixture(autouse=True)
def no_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained embedding would be fetched."""
    monkeypatch.setattr(text_module, "asset_here", lambda name: None)


def test_the_report_is_whole(text_runs: Runs) -> None:
    report = evaluated(text_runs("prose"), SMALL).report
    assert (report.run, report.medium) == ("prose", "text")
    keys = [section.key for section in report.sections]
    assert keys[:4] == ["likelihood", "texts", "ngrams", "verbatim"]
    assert "distance/n-grams" in keys
    assert "distance/hidden-states" in keys
    assert {"copies/n-grams", "variety/n-grams"} <= set(keys)
    held_out, training = report["likelihood/held_out"], report["likelihood/training"]
    for bits in (held_out, training):
        assert bits.value is not None
        assert bits.low is not None
        assert bits.high is not None
        assert 0 < bits.low < bits.value < bits.high < 20
    assert held_out.value is not None
    assert training.value is not None
    assert report["likelihood/gap"].value == pytest.approx(held_out.value - training.value)
    assert report["likelihood/lengths"].value == 0
    words = report["texts/known_words"]
    assert words.real is not None
    assert words.real > 0.5
    assert report["verbatim/median"].n == (6, 6)
    assert report["texts/known_words"].flag == "there are only 6 samples"


def test_bits_of_each_add_up(text_runs: Runs) -> None:
    found = evaluated(text_runs("prose"), SMALL)
    assert found.bits is not None
    assert found.bits.mean().item() == pytest.approx(found.report["likelihood/held_out"].value)


def test_it_is_repeatable(text_runs: Runs) -> None:
    run = text_runs("prose")
    first, again, other = (
        evaluated(run, EvaluateOptions(n=6, rows=8, draws=2, seed=s)) for s in (0, 0, 1)
    )
    assert first.report == again.report
    assert first.displays == again.displays
    assert first.report["likelihood/held_out"] != other.report["likelihood/held_out"]


def test_short_texts_with_labels(text_runs: Runs) -> None:
    asked = EvaluateOptions(
        n=4, rows=8, draws=2, sampler="bridge", steps=4, temperature=0.5, top_p=0.9
    )
    report = evaluated(text_runs("labelled"), asked).report
    assert (report.sampling["temperature"], report.sampling["top_p"]) == (0.5, 0.9)
    assert report.sampling["sampler"]["kind"] == "bridge"
    lengths, bits = report["likelihood/lengths"].value, report["likelihood/held_out"].value
    assert lengths is not None
    assert bits is not None
    assert 0 < lengths < bits
    assert any("given its label" in note for note in report.notes)


def test_samples_and_real_texts_are_shown(text_runs: Runs) -> None:
    found = evaluated(text_runs("labelled"), SMALL)
    shown = [one for one in found.displays if isinstance(one, Texts)]
    assert [one.title for one in shown] == [
        "samples", "real texts", "samples that are nearest to a training text",
    ]  # fmt: skip
    assert len(shown[0].texts) == 6
    captions = [caption for caption, _ in shown[2].texts]
    assert captions[1::2] == ["nearest training text"] * (len(captions) // 2)


def test_other_texts_take_the_place_of_those_held_out(text_runs: Runs, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("the cat sat on a mat and saw its hat\n" * 200)
    report = evaluated(
        text_runs("prose"), EvaluateOptions(n=4, rows=8, draws=2, data=str(other))
    ).report
    assert report.split.held_out_source == other.name
    assert report["likelihood/held_out"].n == (8, 8)[:1]


class Lengths:
    name, identity, dimension = "lengths", "c" * 16, 1

    def __call__(self, items: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[float(len(text))] for text in items])


def test_an_extractor_of_one_s_own(text_runs: Runs) -> None:
    found = evaluated(text_runs("labelled"), replace(SMALL, extractors=[Lengths()]))
    assert "distance/lengths" in [section.key for section in found.report.sections]


def test_molecules_are_read_where_asked(text_runs: Runs) -> None:
    pytest.importorskip("rdkit")
    report = evaluated(
        text_runs("prose"), EvaluateOptions(n=3, rows=4, draws=1, molecules=True)
    ).report
    assert report["molecules/valid"].n == (3,)
    assert "texts/known_words" not in dict(report.figures())


def test_molecules_need_their_package_before_any_work(
    text_runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(MissingExtra, match="rdkit"):
        evaluated(text_runs("prose"), EvaluateOptions(molecules=True))


def test_an_onnx_file_says_nothing_of_text(text_runs: Runs) -> None:
    with pytest.raises(SettingError, match="is not for text"):
        evaluated(text_runs("prose"), EvaluateOptions(extractors=("eye.onnx",)))
