"""Early weights: kept at doublings, dropped when far behind, and found by an eighth."""

import pytest
import torch

from sfumato.errors import RunError
from sfumato.run.directory import RunDirectory
from sfumato.run.early import early_for, keep_early


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def steps_of(directory):
    return sorted(int(path.stem.removeprefix("step-")) for path in directory.early.iterdir())


def test_they_are_kept_as_steps_double_and_dropped_behind_a_sixteenth(directory):
    for step in (10, 15, 20, 45, 60, 100, 200, 399, 400, 900):
        keep_early(directory, {"w": torch.tensor([float(step)])}, step)
    assert steps_of(directory) == [100, 200, 400, 900]


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
