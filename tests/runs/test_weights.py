from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sfumato.engine import tensor_file
from sfumato.engine.events import Metric
from sfumato.errors import DamagedFile, RunError, SettingError
from sfumato.run import open_run
from sfumato.runs import spec as specs
from sfumato.runs import weights as model
from sfumato.runs.directory import RunDirectory
from sfumato.runs.weights import keep_if_best

Runs = Callable[..., Path]


@pytest.fixture
def run(runs: Runs) -> RunDirectory:
    return RunDirectory(runs("unet", "transformer"))


def load(run: RunDirectory) -> tuple[dict[str, torch.Tensor], str]:
    denoiser, loaded = model.load(run, model.build(specs.read(run.spec)))
    assert not denoiser.training
    assert not any(p.requires_grad for p in denoiser.parameters())
    return denoiser.backbone.state_dict(), loaded.fingerprint


def test_the_weights_are_the_averaged_ones(run: RunDirectory) -> None:
    weights, fingerprint = load(run)
    digest = hashlib.sha256(run.model.read_bytes()).hexdigest()
    assert fingerprint == digest[:16]
    trainer = model.build(specs.read(run.spec)).backbone.state_dict()
    assert weights.keys() == trainer.keys()
    assert any(not torch.equal(weights[name], trainer[name]) for name in weights)


def test_fresh_weights_are_the_seed_s_and_leave_no_trace(run: RunDirectory) -> None:
    spec = specs.read(run.spec)
    torch.manual_seed(5)
    one = model.build(spec).backbone.state_dict()
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    other = model.build(spec).backbone.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_lost_file_is_rebuilt(run: RunDirectory) -> None:
    before = run.model.read_bytes()
    run.model.unlink()
    load(run)
    assert run.model.read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_file_is_left_and_the_way_out_works(
    run: RunDirectory, damage: bytes | None
) -> None:
    before = run.model.read_bytes()
    broken = before[:-1] if damage is None else damage
    run.model.write_bytes(broken)
    with pytest.raises(DamagedFile, match="hint: delete it: it is rebuilt"):
        load(run)
    assert run.model.read_bytes() == broken
    run.model.unlink()
    load(run)
    assert run.model.read_bytes() == before


def test_weights_of_another_network_are_refused(run: RunDirectory) -> None:
    shutil.copy("runs/transformer/model.safetensors", run.model)
    with pytest.raises(DamagedFile, match="does not hold the weights of this run"):
        load(run)


def test_a_run_without_weights_says_how_to_get_some(run: RunDirectory) -> None:
    run.model.unlink()
    shutil.rmtree(run.checkpoints)
    with pytest.raises(RunError, match="hint: sfumato resume unet"):
        load(run)
    assert open_run("unet").info()["ready"] is False


def test_which_step_is_published(run: RunDirectory) -> None:
    assert model.published_step(run) == 4
    run.model.write_bytes(run.model.read_bytes()[:-1])
    assert model.published_step(run) is None
    run.model.unlink()
    assert model.published_step(run) is None


def test_the_fingerprint_is_of_the_weights_in_memory(run: RunDirectory) -> None:
    """Training may publish others while samples are made."""
    opened = open_run("unet")
    before = hashlib.sha256(run.model.read_bytes()).hexdigest()[:16]
    weights = {name: w + 1 for name, w in opened.denoiser.backbone.state_dict().items()}
    model.publish(run, weights, 5)
    assert opened.sample(1, steps=1).provenance[0].stored()["model"] == before


@pytest.mark.parametrize("snapshot", ["latest", "best"])
def test_the_step_is_that_of_the_weights_in_memory(
    run: RunDirectory, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = tensor_file.read_sealed

    def replaced_meanwhile(path: Path) -> tuple[dict[str, torch.Tensor], bytes]:
        tensors, content = read(path)
        model.publish(run, tensors, 9)
        keep_if_best(run, Metric(step=9, name="held-out loss", value=-1.0), tensors)
        return tensors, content

    monkeypatch.setattr(tensor_file, "read_sealed", replaced_meanwhile)
    opened = open_run("unet", snapshot).model
    assert opened.step == 4
    assert open_run("unet", snapshot).model.step == 9


def test_a_file_may_tell_no_step(run: RunDirectory) -> None:
    save_file(load_file(run.model), run.model)
    assert open_run("unet").model.step is None


class TestBest:
    def test_it_is_asked_for_by_name(self, run: RunDirectory) -> None:
        weights, _ = load(run)
        model.publish(run, {name: w + 1 for name, w in weights.items()}, 9)
        best, latest = open_run("unet", "best"), open_run("unet")
        assert (best.model.snapshot, best.model.step) == ("best", 4)
        assert (latest.model.snapshot, latest.model.step) == ("latest", 9)
        assert best.model.fingerprint == hashlib.sha256(run.best.read_bytes()).hexdigest()[:16]
        theirs = best.denoiser.backbone.state_dict()
        assert all(torch.equal(theirs[name], weights[name]) for name in weights)

    def test_there_is_none(self, run: RunDirectory) -> None:
        run.best.unlink()
        with pytest.raises(RunError, match="has no best weights") as refused:
            open_run("unet", "best").model  # noqa: B018 - it is loaded when first needed.
        assert "held_out" in refused.value.hint

    def test_a_damaged_one_can_be_gone_around(self, run: RunDirectory) -> None:
        run.best.write_bytes(b"x")
        with pytest.raises(DamagedFile, match="--snapshot latest"):
            open_run("unet", "best").model  # noqa: B018

    def test_another_name_is_refused(self, run: RunDirectory) -> None:
        with pytest.raises(SettingError, match="did you mean 'best'"):
            open_run("unet", "bset").model  # noqa: B018

    def test_a_sample_is_made_again_by_the_weights_that_made_it(
        self, run: RunDirectory, tmp_path: Path
    ) -> None:
        weights, _ = load(run)
        model.publish(run, {name: w + 1 for name, w in weights.items()}, 9)
        (path,) = open_run("unet", "best").sample(1, steps=1).save(tmp_path / "made")
        with pytest.raises(RunError, match="try --snapshot best"):
            open_run("unet").like(path)
        open_run("unet", "best").like(path)
