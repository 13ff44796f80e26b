"""The number format of sampling: chosen, stored, and the same again in any batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sfumato import storage
from sfumato.engine import precision as machine
from sfumato.errors import SettingError
from sfumato.media.image.medium import ImageMedium
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Making, NumberProvenance, TokenProvenance, read_provenance
from sfumato.run import open_run
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]
FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def files(run: str | None, out: str, like: Path | None = None, **keywords: Any) -> list[Path]:
    *_, written = sample_files(run, SampleOptions(**keywords), out=Path(out), like=like)
    assert isinstance(written, Written)
    return written.out.files


def products(network: nn.Module) -> set[torch.dtype]:
    """Filled with what the linear maps of a network give, from now on."""
    seen: set[torch.dtype] = set()

    def note(layer: nn.Module, args: Any, output: torch.Tensor) -> None:
        seen.add(output.dtype)

    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(note)
    return seen


@pytest.mark.parametrize("name", ["unet", "transformer"])
def test_the_network_is_evaluated_in_it_and_the_sampler_is_not(runs: Runs, name: str) -> None:
    runs(name)
    ends = {}
    for precision, dtype in FORMATS.items():
        run = open_run(name)
        seen = products(run.denoiser.backbone)
        model: Any = run.model
        states = list(model.sample(model.request(SampleOptions(2, precision=precision))))
        assert seen == {dtype}
        ends[precision] = [event.state.x_t for event in states if isinstance(event, Making)][-1]
        assert ends[precision].dtype == torch.float32
        assert states[-1].provenance[0].stored()["precision"] == precision
    assert not torch.equal(ends["fp32"], ends["bf16"])


@pytest.mark.parametrize("name", ["unet", "transformer", "plain"])
def test_bf16_is_the_same_to_the_last_bit_in_any_batch(runs: Runs, name: str) -> None:
    runs(name)
    model: Any = open_run(name).model

    def final(batch: int) -> torch.Tensor:
        events = model.sample(
            model.request(SampleOptions(9, seed=7, batch=batch, precision="bf16"))
        )
        states = [event.state for event in events if isinstance(event, Making)]
        return torch.cat([state.x_t for state in states if state.t == 0])

    whole = final(16)
    assert torch.equal(final(1), whole)
    assert torch.equal(final(3), whole)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_sample_is_made_again_in_its_own_format(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    runs("unet")
    for path in files("unet", "first", n=3, precision=precision, guidance="auto"):
        for fast in (True, False):
            monkeypatch.setattr(machine, "_fast_bf16", lambda device, fast=fast: (fast, ""))
            (again,) = files(None, f"{path.stem}-{fast}", like=path)
            assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("fast", "choice"), [(True, "bf16"), (False, "fp32")])
def test_the_machine_decides_where_the_run_left_it_open(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, fast: bool, choice: str
) -> None:
    runs("unet")
    monkeypatch.setattr(machine, "_fast_bf16", lambda device: (fast, ""))
    model: Any = open_run("unet").model
    assert (
        model.request(SampleOptions(1)).sample.precision
        == model.request(SampleOptions(1, precision="auto")).sample.precision
        == choice
    )


def test_the_run_decides_where_nothing_is_asked(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs("unet")
    spec = storage.read_sealed_json(run / "spec.json")
    spec["recipe"]["engine"]["precision"] = "fp32"
    storage.write_sealed_json(run / "spec.json", spec)
    monkeypatch.setattr(machine, "_fast_bf16", lambda device: (True, ""))
    model: Any = open_run("unet").model
    assert model.request(SampleOptions(1)).sample.precision == "fp32"
    assert model.request(SampleOptions(1, precision="auto")).sample.precision == "bf16"


def test_a_file_of_before_was_made_in_the_format_of_its_run(runs: Runs) -> None:
    runs("unet")
    run = open_run("unet")
    recipe = run.sample(1).provenance[0].stored()
    written = recipe.pop("precision")
    assert NumberProvenance.model_validate(recipe).precision is None
    assert run.model.number_format(None) == written


@pytest.mark.parametrize("value", ["auto", "fp16", 3])
def test_a_forged_format_is_refused(runs: Runs, value: object) -> None:
    runs("unet")
    recipe = {**open_run("unet").sample(1).provenance[0].stored(), "precision": value}
    with pytest.raises(ValueError, match="precision"):
        NumberProvenance.model_validate(recipe)


def test_another_format_is_refused_by_name(runs: Runs) -> None:
    runs("unet")
    with pytest.raises(SettingError, match="precision cannot be 'fp16'") as caught:
        open_run("unet").sample(1, precision="fp16")
    assert "auto, fp32, bf16" in caught.value.hint


class TestText:
    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_a_text_is_made_again_in_its_own_format(self, text_runs: Runs, precision: str) -> None:
        text_runs("labelled")
        wanted = SampleOptions(n=2, precision=precision)
        *_, written = sample_files("labelled", wanted, out=Path("a"))
        assert isinstance(written, Written)
        *_, again = sample_files(
            None, SampleOptions(), out=Path("b"), like=Path("a/samples.jsonl:2")
        )
        assert isinstance(again, Written)
        assert again.out.texts == written.out.texts[1:]
        recipe = json.loads(again.out.files[0].read_text())["recipe"]
        assert TokenProvenance.model_validate(recipe).precision == precision

    def test_texts_are_the_same_in_any_batch(self, text_runs: Runs) -> None:
        text_runs("prose")
        run = open_run("prose")
        made = [run.sample(6, batch=batch, precision="bf16") for batch in (1, 4, 6)]
        assert list(made[0]) == list(made[1]) == list(made[2])

    def test_logits_are_float32_and_the_products_are_not(self, text_runs: Runs) -> None:
        text_runs("prose")
        run = open_run("prose")
        seen = products(run.denoiser.backbone)
        model: Any = run.model
        states = list(model.sample(model.request(SampleOptions(1, precision="bf16"))))
        assert seen == {torch.bfloat16}
        assert states[0].state.belief.dtype == torch.float32


def test_the_file_tells_it(runs: Runs) -> None:
    runs("unet")
    (path,) = files("unet", "out", n=1, precision="bf16")
    assert read_provenance(path, NumberProvenance, ImageMedium.read_provenance).precision == "bf16"
