"""Guidance of runs: what is asked, what is stored, what is refused, and what it costs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

import pytest
from torch import nn

from sfumato.errors import RunError, SettingError
from sfumato.guidance import BY_LABEL, RULES
from sfumato.media.image.medium import ImageMedium
from sfumato.model import model as trained
from sfumato.model.checks import require_label
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import NumberProvenance, read_provenance
from sfumato.run import open_run
from sfumato.runs import weights as models
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]
AWAY = ("auto", "auto-label")


def files(run: str | None, out: str, like: Path | None = None, **keywords: Any) -> list[Path]:
    *_, written = sample_files(run, SampleOptions(**keywords), out=Path(out), like=like)
    assert isinstance(written, Written)
    return written.out.files


@pytest.mark.parametrize("guidance", [*RULES, *AWAY])
def test_a_guided_sample_is_made_again_and_the_same_in_any_batch(runs: Runs, guidance: str) -> None:
    runs("unet")
    keywords = {"n": 3, "guidance": guidance, "interval": (0.2, 0.9), "scale": 3.0}
    together, alone = files("unet", "a", **keywords), files("unet", "b", batch=1, **keywords)
    plain = files("unet", "c", n=3, scale=1.0)
    for number, path in enumerate(together):
        assert path.read_bytes() == alone[number].read_bytes() != plain[number].read_bytes()
    (again,) = files(None, "d", like=together[1])
    assert again.read_bytes() == together[1].read_bytes()
    stored = read_provenance(again, NumberProvenance, ImageMedium.read_provenance)
    assert (stored.guidance.interval, stored.guidance.needs_early) == ((0.2, 0.9), guidance in AWAY)


def test_the_recipe_names_the_early_weights(runs: Runs) -> None:
    run = runs("unet")
    (early,) = [path for path in (run / "early").iterdir() if path.stem == "step-1"]
    for guidance, scale, expected in (
        ("auto", 2.0, hashlib.sha256(early.read_bytes()).hexdigest()[:16]),
        ("auto", 1.0, None),
        ("line", 2.0, None),
    ):
        made = open_run("unet").sample(1, guidance=guidance, scale=scale)
        assert made.provenance[0].stored()["early"] == expected


def test_a_sample_away_from_other_early_weights_is_not_made_again(runs: Runs) -> None:
    run = runs("unet")
    (path,) = files("unet", "a", n=1, guidance="auto")
    shutil.copy(run / "early/step-4.safetensors", run / "early/step-1.safetensors")
    with pytest.raises(RunError, match="was not made by the early weights"):
        files("unet", "b", like=path)


@pytest.mark.parametrize("guidance", AWAY)
def test_a_run_without_early_weights_is_refused_before_a_folder_is_made(
    runs: Runs, guidance: str
) -> None:
    shutil.rmtree(runs("unet") / "early")
    with pytest.raises(RunError, match="no early weights"):
        files("unet", "out", guidance=guidance)
    assert not Path("out").exists()
    assert files("unet", "out", n=1, guidance=guidance, scale=1.0)


def test_early_weights_are_read_once(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs("unet")
    read: list[Path] = []
    load = models.load_file

    def noted(path: Path, *others: Any) -> Any:
        read.append(path)
        return load(path, *others)

    monkeypatch.setattr(models, "load_file", noted)
    open_run("unet").sample(3, batch=1, guidance="auto")
    assert [path.name for path in read] == ["model.safetensors", "step-1.safetensors"]


class TestWithoutClasses:
    def test_the_early_weights_guide_too(self, runs: Runs) -> None:
        runs("plain")
        run = open_run("plain")
        guided, plain = run.sample(2, guidance="auto"), run.sample(2)
        assert (guided.items != plain.items).any()  # type: ignore[union-attr]
        assert guided.provenance[0].stored()["scale"] == trained.AUTO_SCALE

    @pytest.mark.parametrize(
        "keywords", [{"guidance": "apg"}, {"guidance": "auto-label"}, {"interval": (0.1, 0.5)}]
    )
    def test_guidance_to_a_label_is_refused(self, runs: Runs, keywords: dict[str, Any]) -> None:
        runs("plain")
        with pytest.raises(SettingError, match="neither a label nor guidance"):
            open_run("plain").sample(1, **keywords)


def test_a_mistyped_name_is_helped(runs: Runs) -> None:
    runs("unet")
    with pytest.raises(SettingError, match="did you mean 'rescaled'"):
        open_run("unet").sample(1, guidance="rescale")


@pytest.mark.parametrize(
    ("keywords", "rows"),
    [({}, 16), ({"scale": 3.0}, 16), ({"scale": 3.0, "label": "dog"}, 32), ({"scale": 1.0}, 16)],
)
def test_a_label_left_open_costs_no_second_evaluation(
    runs: Runs, pictures: Path, keywords: dict[str, Any], rows: int
) -> None:
    runs("unet")
    run, seen = open_run("unet"), set()

    def note(network: nn.Module, args: tuple[Any, ...]) -> None:
        seen.add(len(args[0]))

    run.denoiser.backbone.register_forward_pre_hook(note)
    run.sample(2, start=pictures / "dog/0.png", **keywords)
    assert seen == {rows}


def test_the_label_is_hidden_from_the_early_weights(runs: Runs) -> None:
    runs("unet")
    for guidance, labels in (("auto", {1}), ("auto-label", {2})):
        model, seen = open_run("unet").model, set()

        def note(network: nn.Module, args: Any, given: dict[str, Any], seen: Any = seen) -> None:
            seen.update(given["label"][:1].tolist())  # Behind it a tile is filled up.

        model.early.denoiser.backbone.register_forward_pre_hook(note, with_kwargs=True)  # type: ignore[union-attr]
        list(model.sample(model.request(SampleOptions(1, label="dog", guidance=guidance))))  # type: ignore[arg-type]
        assert seen == labels


def test_what_was_tuned_is_for_plain_guidance(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs("unet")
    monkeypatch.setattr(trained, "tuned_for", lambda *fitted: SimpleNamespace(sampler=fitted))
    model = open_run("unet").model
    found = model.request(SampleOptions(1, guidance="apg")).sample.guidance
    assert model._tuned(8, 2.0, BY_LABEL) is not None
    assert model._tuned(8, 1.0, found) is not None
    assert model._tuned(8, 2.0, found) is None


class TestText:
    def test_a_text_away_from_early_weights_is_made_again(self, text_runs: Runs) -> None:
        text_runs("labelled")
        options = SampleOptions(n=2, guidance="auto", scale=4.0)
        *_, written = sample_files("labelled", options, out=Path("a"))
        assert isinstance(written, Written)
        line = Path("a/samples.jsonl:2")
        *_, again = sample_files(None, SampleOptions(), out=Path("b"), like=line)
        assert isinstance(again, Written)
        assert again.out.texts == written.out.texts[1:]
        first, second = (
            json.loads(path.read_text().splitlines()[-1])["recipe"]
            for path in (*written.out.files, *again.out.files)
        )
        assert first == second
        assert first["early"]

    @pytest.mark.parametrize("guidance", ["apg", "rescaled", "cfg-zero"])
    def test_rules_for_means_are_refused_before_a_folder_is_made(
        self, text_runs: Runs, guidance: str
    ) -> None:
        text_runs("labelled")
        with pytest.raises(SettingError, match="cannot be used on tokens"):
            list(sample_files("labelled", SampleOptions(guidance=guidance), out=Path("out")))
        assert not Path("out").exists()


def test_recipes_of_before_are_read(runs: Runs) -> None:
    runs("unet")
    recipe = open_run("unet").sample(1).provenance[0].stored()
    del recipe["guidance"], recipe["early"]
    assert NumberProvenance.model_validate(recipe).guidance == BY_LABEL


def test_a_label_matches_however_its_characters_are_composed() -> None:
    composed, separate = normalize("NFC", "café"), normalize("NFD", "café")
    assert composed != separate
    for stored in (composed, separate):
        spec: Any = SimpleNamespace(data=SimpleNamespace(classes=(stored, "tea")), classes=2)
        assert require_label("run", spec, composed) == stored
        assert require_label("run", spec, separate) == stored
        with pytest.raises(SettingError, match="has no label 'cafe'"):
            require_label("run", spec, "cafe")
