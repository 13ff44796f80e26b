from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.process.rng import Stream, normal
from sfumato.recipes import override
from sfumato.training.batches import Batch, Batches, dropout_seed
from sfumato.training.data import prepare


@pytest.fixture(scope="module")
def recipe(tiny: tuple[str, ...]) -> ImageRecipe:
    return override(find("image"), [*tiny, "data.label_drop=0.5", "data.held_out=0.3"])


@pytest.fixture(scope="module")
def data(pictures: Path, recipe: ImageRecipe) -> NumberData:
    *_, last = prepare(pictures, recipe)
    assert isinstance(last, NumberData)
    return last


@pytest.fixture
def batches(data: NumberData, recipe: ImageRecipe) -> Batches:
    return Batches(data, recipe, 2, False)


def equal(one: Batch, other: Batch) -> bool:
    assert one.label is not None
    assert other.label is not None
    return (
        torch.equal(one.x0, other.x0)
        and torch.equal(one.t, other.t)
        and torch.equal(one.noise, other.noise)
        and torch.equal(one.label, other.label)
        and one.dropout_seed == other.dropout_seed
    )


def test_a_batch_is_its_step_s(batches: Batches, data: NumberData, recipe: ImageRecipe) -> None:
    expected = batches(5)
    batches(0)
    assert equal(batches(5), expected)
    assert equal(Batches(data, recipe, 2, False)(5), expected)
    assert not equal(batches(6), expected)
    assert not equal(Batches(data, recipe.model_copy(update={"seed": 1}), 2, False)(5), expected)


def test_typical_items_are_known_ones_as_they_are(batches: Batches, data: NumberData) -> None:
    batch = batches.typical(7)
    known = data.training.tolist()
    items, labels = data.dataset.gather([known[0], known[-1]])
    assert torch.equal(batch.x0[[0, -1]], data.medium.examples(items).x0)
    assert labels is not None
    assert batch.label is not None
    assert batch.label[[0, -1]].tolist() == labels.tolist()
    assert equal(batches.typical(7), batch)
    assert len(batches.typical(50).x0) == 50


def test_no_stream_repeats(batches: Batches) -> None:
    made = [batches(step) for step in range(20)]
    assert len({batch.dropout_seed for batch in made}) == 20
    rows = torch.cat([batch.noise.flatten(1) for batch in made])
    assert len(torch.unique(rows, dim=0)) == len(rows)
    # What a sampler draws from the same seed is not what was trained on.
    assert not torch.equal(normal(0, Stream.PRIOR, range(4), (3, 16, 16)), made[0].noise)


def test_held_out_items_are_never_trained_on(batches: Batches, data: NumberData) -> None:
    held = batches.held_out(256)
    assert held is not None
    assert len(held.x0) == len(data.held_out) > 0
    trained = torch.cat([batches(step).x0 for step in range(12)])
    assert not (trained[:, None] == held.x0[None]).flatten(2).all(-1).any()
    assert held.label is not None
    assert (held.label < 2).all()
    again = batches.held_out(256)
    assert again is not None
    assert equal(again, held)


def test_labels_are_hidden_at_their_rate(batches: Batches) -> None:
    labels = torch.cat([batches(step).cond["label"] for step in range(100)])
    assert set(labels.tolist()) == {0, 1, 2}
    # Four standard deviations of 400 throws of a coin.
    assert abs((labels == 2).float().mean().item() - 0.5) < 4 * 0.5 / 400**0.5


def test_without_classes_there_is_no_condition(batches: Batches) -> None:
    assert replace(batches, classes=0)(0).cond == {}


def test_without_held_out_items_nothing_is_measured(pictures: Path, recipe: ImageRecipe) -> None:
    settings = recipe.data.model_copy(update={"held_out": 0.0})
    *_, data = prepare(pictures, recipe.model_copy(update={"data": settings}))
    assert isinstance(data, NumberData)
    assert Batches(data, recipe, 2, False).held_out(8) is None


def test_seeds_of_dropout_fit_torch() -> None:
    for seed, step in ((0, 0), (2**63 - 1, 2**62)):
        torch.Generator().manual_seed(dropout_seed(seed, step))
