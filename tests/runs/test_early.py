"""Early weights: kept at doublings, dropped when far behind, and found by an eighth."""

import pytest
import torch
from safetensors.torch import load_file

from sfumato.engine.events import Metric
from sfumato.errors import RunError
from sfumato.runs.directory import RunDirectory
from sfumato.runs.weights import early_for, keep_early, keep_if_best


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def steps_of(directory):
    return sorted(int(path.stem.removeprefix("step-")) for path in directory.early.iterdir())


def keep(directory, *steps):
    for step in steps:
        keep_early(directory, {"w": torch.tensor([float(step)])}, step)


def test_those_from_before_a_sixteenth_are_dropped(directory):
    keep(directory, 1, 2, 4, 8, 16, 32)
    assert steps_of(directory) == [2, 4, 8, 16, 32]
    keep(directory, 64, 128, 256, 512)
    assert steps_of(directory) == [32, 64, 128, 256, 512]


def test_what_the_best_weights_need_is_not_dropped(directory):
    keep(directory, 1, 2, 4, 8, 16, 32)
    best = Metric(step=40, name="held-out loss", value=1.0)
    keep_if_best(directory, best, {"w": torch.zeros(1)})
    keep(directory, 64, 128, 256, 512)
    assert steps_of(directory) == [4, 8, 16, 32, 64, 128, 256, 512]
    assert early_for(directory, 40).stem == "step-4"


def test_a_step_that_is_gone_over_anew_is_replaced(directory):
    keep(directory, 8)
    keep_early(directory, {"w": torch.tensor([7.0])}, 8)
    assert load_file(directory.early / "step-8.safetensors")["w"].item() == 7


@pytest.mark.parametrize("step", [16, 100, 724, 10_000])
def test_powers_of_two_are_within_a_factor_of_an_eighth(directory, step):
    keep(directory, *(2**k for k in range(14) if 2**k <= step))
    found = int(early_for(directory, step).stem.removeprefix("step-"))
    assert 2**-0.5 <= found / (step / 8) <= 2**0.5


def test_the_one_nearest_to_an_eighth_is_taken(directory):
    for step in (50, 100, 200, 400):
        keep_early(directory, {"w": torch.zeros(1)}, step)
    assert early_for(directory, 800).stem == "step-100"
    assert early_for(directory, 410).stem == "step-50"
    assert early_for(directory, 3000).stem == "step-400"


@pytest.mark.parametrize("step", [None, 100])
def test_without_any_it_is_said_what_to_do(directory, step):
    with pytest.raises(RunError, match="early weights"):
        early_for(directory, step)


def test_weights_of_the_last_half_are_not_early(directory):
    keep_early(directory, {"w": torch.zeros(1)}, 60)
    with pytest.raises(RunError, match="early weights"):
        early_for(directory, 100)
