from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.number_data import NumberData
from sfumato.media.registry import find
from sfumato.process.rng import Stream, normal
from sfumato.recipes import override
from sfumato.training.batches import Batch, Batches, dropout_seed
from sfumato.training.data import prepare
from tests.words_runs import MANY


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


DROP = (
    "data.label_drop=0.4",
    "conditions.words.drop=0.3",
    "conditions.species.drop=0.2",
    "conditions.price.drop=0",
)


@pytest.fixture(scope="module")
def many(described: Path) -> Batches:
    """Batches with a class, words, a species and a price."""
    recipe = override(find("image"), [*MANY, *DROP])
    *_, data = prepare(described, recipe)
    assert isinstance(data, NumberData)
    return Batches(data, recipe, 2, False)


class TestConditions:
    """Batches of items with values besides their class."""

    @staticmethod
    def known(batch: Batch) -> dict[str, torch.Tensor]:
        """Which values each item has, shape (B,), by name."""
        found = {name: rows.flatten(1).any(1) for name, rows in batch.cond.items() if rows.ndim > 1}
        return found | {"species": batch.cond["species"] > 0, "label": batch.cond["label"] < 2}

    def test_a_batch_is_its_step_s(self, many: Batches) -> None:
        first = many(5).cond
        many(0)
        assert many(5).cond == first
        assert many(6).cond != first

    def test_each_item_has_its_own_values(self, many: Batches) -> None:
        batch = many.typical(5)
        assert all(known.all() for known in self.known(batch).values())
        places = np.linspace(0, len(many.data.training) - 1, 5).round().astype(int)
        items = [many.data.dataset.items[int(many.data.training[place])] for place in places]
        species = [("bird", "kite").index(str((item.fields or {})["species"])) for item in items]
        assert (batch.cond["species"] - 1).tolist() == species
        prices = [(item.fields or {})["price"] for item in items]
        assert batch.cond["price"][:, 0].argsort().tolist() == np.argsort(prices).tolist()

    def test_each_is_hidden_at_its_rate_and_all_together(self, many: Batches) -> None:
        rows = [self.known(many(step)) for step in range(400)]
        known = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
        count = 4 * len(rows)
        # All are hidden together at the largest rate, and each independently at its own; the class
        # was hidden before.
        together = 0.3
        rates = {"label": 0.4, "words": 0.3, "species": 0.2, "price": 0.0}
        for name, rate in rates.items():
            expected = (1 - together) * (1 - rate)
            found = known[name].double().mean().item()
            assert abs(found - expected) < 4 * (expected * (1 - expected) / count) ** 0.5, name
        # The price alone is never hidden, so it is unknown where all are.
        everything = ~known["price"]
        assert not any(values[everything].any() for values in known.values())
        both = (~known["words"] & ~known["species"])[~everything].double().mean().item()
        assert abs(both - 0.06) < 4 * (0.06 * 0.94 / count / 0.7) ** 0.5

    def test_one_of_several_captions_is_drawn_at_each_step(self, many: Batches) -> None:
        drawn: dict[str, set[tuple[int, ...]]] = {}
        for step in range(60):
            words = many(step).cond["words"].tolist()
            for name, row in zip(many.names(step, range(4)), words, strict=True):
                if any(row):
                    drawn.setdefault(name, set()).add(tuple(row))
        counts = {len(found) for name, found in drawn.items() if name.startswith("green/")}
        assert counts == {2}  # Green pictures have two captions, and red ones have one.
        assert {len(found) for name, found in drawn.items() if name.startswith("red/")} == {1}

    def test_a_condition_that_is_alone_is_hidden_at_its_rate(
        self, described: Path, tiny_words: tuple[str, ...]
    ) -> None:
        recipe = override(find("image-words"), [*tiny_words, "conditions.words.drop=0.25"])
        *_, data = prepare(described, recipe)
        assert isinstance(data, NumberData)
        batches = Batches(data, recipe, 0, False)
        rows = torch.cat([batches(step).cond["words"] for step in range(200)])
        hidden = (~rows.any(1)).double().mean().item()
        assert abs(hidden - 0.25) < 4 * (0.25 * 0.75 / 800) ** 0.5

    def test_labels_are_those_of_a_run_without_conditions(
        self, many: Batches, described: Path, tiny_words: tuple[str, ...]
    ) -> None:
        own = [change for change in tiny_words if not change.startswith("conditions")]
        recipe = override(find("image"), [*own, "data.label_drop=0.4"])
        *_, data = prepare(described, recipe)
        assert isinstance(data, NumberData)
        plain = Batches(data, recipe, 2, False)
        for step in range(10):
            one, other = many(step), plain(step)
            assert torch.equal(one.x0, other.x0) and torch.equal(one.noise, other.noise)
            assert one.label is not None and other.label is not None
            changed = one.label != other.label
            assert (one.label[changed] == 2).all()
