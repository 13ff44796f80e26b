from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch

from sfumato.conditions import Conditions, drop, drop_labels
from sfumato.engine.batch import size, split, tensors_of, to_device

LABEL = torch.tensor([3, 1, 4])
WORDS = torch.arange(24.0).reshape(3, 4, 2)


@pytest.fixture
def conditions() -> Conditions:
    return Conditions(label=LABEL, words=WORDS)


class TestMapping:
    def test_it_is_one(self, conditions: Conditions) -> None:
        assert isinstance(conditions, Mapping)
        assert list(conditions) == ["label", "words"] and len(conditions) == 2
        assert conditions["label"] is LABEL and conditions.get("length") is None
        assert "words" in conditions and bool(conditions) and not Conditions()
        with pytest.raises(KeyError):
            _ = conditions["length"]

    def test_it_is_given_to_a_denoiser_by_name(self, conditions: Conditions) -> None:
        def denoiser(**cond: object) -> dict[str, object]:
            return cond

        assert denoiser(**conditions) == {"label": LABEL, "words": WORDS}

    def test_what_is_none_is_left_out(self) -> None:
        assert Conditions(label=None) == {} == Conditions({"label": None})
        assert list(Conditions({"label": LABEL, "length": None})) == ["label"]

    def test_keywords_go_before_the_mapping(self) -> None:
        assert Conditions({"label": LABEL}, label=LABEL + 1)["label"][0] == 4
        assert Conditions({"label": LABEL}, label=None) == {}

    def test_any_name_will_do(self) -> None:
        assert list(Conditions(self=LABEL, conditions=LABEL)) == ["self", "conditions"]

    def test_it_cannot_be_changed(self, conditions: Conditions) -> None:
        source = {"label": LABEL}
        taken = Conditions(source)
        source["label"] = WORDS
        assert taken["label"] is LABEL
        with pytest.raises(TypeError):
            conditions["label"] = LABEL  # type: ignore[index]
        with pytest.raises(AttributeError):
            conditions.label = LABEL  # type: ignore[attr-defined]

    def test_equal_are_the_same_names_and_numbers(self, conditions: Conditions) -> None:
        assert conditions == Conditions(words=WORDS.clone(), label=LABEL.clone())
        assert conditions != Conditions(label=LABEL)
        assert conditions != Conditions(label=LABEL, words=WORDS + 1)
        assert conditions != {"label": LABEL, "words": None}
        assert conditions != 5
        assert copy.deepcopy(conditions) == conditions

    def test_its_shapes_are_shown(self, conditions: Conditions) -> None:
        assert repr(conditions) == "Conditions(label: (3,), words: (3, 4, 2))"

    def test_one_row_for_each_sample(self) -> None:
        with pytest.raises(ValueError, match=r"one row for each sample.*'label': \(3,\)"):
            Conditions(label=LABEL, length=torch.ones(2))
        with pytest.raises(ValueError, match="one row for each sample"):
            Conditions(label=torch.tensor(3))
        with pytest.raises(TypeError, match=r"'label' should be a tensor.*not int"):
            Conditions(label=3)  # type: ignore[arg-type]


class TestRows:
    def test_some(self, conditions: Conditions) -> None:
        assert conditions.rows(slice(1, 3)) == {"label": LABEL[1:], "words": WORDS[1:]}
        assert conditions.rows(torch.tensor([2, 0]))["label"].tolist() == [4, 3]
        assert conditions.rows(LABEL > 2)["label"].tolist() == [3, 4]

    def test_parts_put_together_are_the_whole(self, conditions: Conditions) -> None:
        parts = [conditions.rows(slice(k, k + 1)) for k in range(3)]
        assert parts[0].concatenate(*parts[1:]) == conditions
        assert conditions.concatenate() == conditions
        assert Conditions().concatenate(Conditions()) == {}

    def test_repeated_is_put_together_with_itself(self, conditions: Conditions) -> None:
        assert conditions.repeat(2) == conditions.concatenate(conditions)
        assert conditions.repeat(2)["label"].tolist() == [3, 1, 4, 3, 1, 4]

    def test_other_conditions_cannot_be_put_behind(self, conditions: Conditions) -> None:
        with pytest.raises(ValueError, match=r"\['label', 'words'\] and \['label'\]"):
            conditions.concatenate(Conditions(label=LABEL))

    def test_more_are_added(self, conditions: Conditions) -> None:
        more = conditions | {"label": LABEL + 1, "length": None}
        assert isinstance(more, Conditions)
        assert more == {"label": LABEL + 1, "words": WORDS}
        assert conditions["label"] is LABEL

    def test_the_engine_splits_and_moves_them(self, conditions: Conditions) -> None:
        batch = {"x0": torch.zeros(3, 2), "conditions": conditions}
        assert size(batch) == 3 and len(tensors_of(batch)) == 3
        first, second = split(batch, 2)
        assert isinstance(first["conditions"], Conditions)
        assert second["conditions"] == conditions.rows(slice(2, 3))
        moved = to_device(conditions, torch.device("meta"))
        assert {value.device.type for value in moved.values()} == {"meta"}


def test_all_go_to_the_device(conditions: Conditions) -> None:
    moved = conditions.to("meta")
    assert {value.device.type for value in moved.values()} == {"meta"}
    assert conditions.to(torch.device("cpu")) == conditions


class TestNull:
    def test_a_number_fills_the_rows(self, conditions: Conditions) -> None:
        null = conditions.null({"label": 9})
        assert null == {"label": torch.tensor([9, 9, 9]), "words": WORDS}
        assert null["label"].dtype == torch.int64
        assert conditions["label"] is LABEL

    def test_a_tensor_is_that_of_each_row(self, conditions: Conditions) -> None:
        row = torch.arange(8.0, dtype=torch.float64).reshape(4, 2)
        null = conditions.null({"words": row})
        assert null["words"].dtype == torch.float32
        assert all(torch.equal(each, row.float()) for each in null["words"])
        # One vector stands for every word.
        vector = torch.tensor([5.0, 6.0])
        assert torch.equal(conditions.null({"words": vector})["words"][2, 3], vector)

    def test_other_names_are_not_its_concern(self, conditions: Conditions) -> None:
        assert conditions.null({"length": 1.0}) == conditions == conditions.null({})

    def test_it_stays_on_the_device(self, conditions: Conditions) -> None:
        null = conditions.to("meta").null({"label": 9, "words": torch.zeros(2)})
        assert {value.device.type for value in null.values()} == {"meta"}


def test_labels_are_dropped_at_the_rate_and_only_to_null() -> None:
    labels, u = torch.arange(1000) % 10, (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    dropped = drop_labels(labels, u, rate=0.15, null=10)
    assert (dropped == 10).sum() == 150
    kept = dropped != 10
    assert torch.equal(dropped[kept], labels[kept])


@pytest.mark.parametrize(("rate", "nulls"), [(0.0, 0), (1.0, 100)])
def test_rates_of_none_and_all(rate: float, nulls: int) -> None:
    u = torch.linspace(0, 1 - 1e-9, 100, dtype=torch.float64)
    assert (drop_labels(torch.zeros(100, dtype=torch.int64), u, rate, 3) == 3).sum() == nulls


class TestDrop:
    """Uniforms on a grid, so that shares are exact and independence is that of the grid."""

    GRID = (torch.arange(10, dtype=torch.float64) + 0.5) / 10
    U = torch.cartesian_prod(GRID, GRID, GRID)
    NULLS = {"label": 9, "words": torch.tensor([5.0, 6.0])}  # noqa: RUF012
    ALL = Conditions(label=torch.arange(1000) % 9, words=torch.ones(1000, 4, 2))

    def hidden(self, dropped: Conditions) -> tuple[torch.Tensor, torch.Tensor]:
        """Which rows are unknown; the others must be as they were."""
        unknown, which = self.ALL.null(self.NULLS), []
        for name, value in dropped.items():
            is_null = (value == unknown[name]).reshape(1000, -1).all(1)
            assert torch.equal(value[~is_null], self.ALL[name][~is_null])
            assert value.dtype == self.ALL[name].dtype
            which.append(is_null)
        return which[0], which[1]

    def test_each_is_hidden_at_its_rate_and_all_together_at_another(self) -> None:
        rates = {"label": 0.3, "words": 0.2}
        label, words = self.hidden(drop(self.ALL, self.NULLS, self.U, rates, 0.1))
        assert label.sum() == 1000 * (0.1 + 0.9 * 0.3) and words.sum() == 1000 * (0.1 + 0.9 * 0.2)
        assert (label & words).sum() == 1000 * (0.1 + 0.9 * 0.3 * 0.2)

    def test_without_a_rate_it_is_hidden_with_the_others_alone(self) -> None:
        label, words = self.hidden(drop(self.ALL, self.NULLS, self.U, {"words": 0.2}, 0.1))
        assert label.sum() == 100 and (words & label).sum() == 100 and words.sum() == 280
        assert drop(self.ALL, self.NULLS, self.U, {}, 0.0) == self.ALL

    def test_a_column_belongs_to_its_name_whatever_is_present(self) -> None:
        rates = {"words": 0.2, "label": 0.3}
        whole = drop(self.ALL, self.NULLS, self.U, rates, 0.1)
        for name in self.NULLS:
            alone = drop(Conditions({name: self.ALL[name]}), self.NULLS, self.U, rates, 0.1)
            assert alone == {name: whole[name]}

    def test_a_condition_without_null_stays(self) -> None:
        length = torch.ones(1000)
        more = drop(self.ALL | {"length": length}, self.NULLS, self.U, {}, 1.0)
        assert more["length"] is length
        assert Conditions(label=more["label"], words=more["words"]) == self.ALL.null(self.NULLS)

    def test_of_a_label_alone_it_is_drop_labels(self) -> None:
        label = self.ALL["label"]
        dropped = drop(Conditions(label=label), {"label": 9}, self.U[:, :2], {"label": 0.3}, 0.0)
        assert torch.equal(dropped["label"], drop_labels(label, self.U[:, 1], 0.3, 9))

    def test_columns_and_names_have_to_fit(self) -> None:
        with pytest.raises(ValueError, match=r"1 \+ 2 columns.*\(1000, 2\)"):
            drop(self.ALL, self.NULLS, self.U[:, :2], {}, 0.1)
        with pytest.raises(ValueError, match=r"no null value for \['length'\]"):
            drop(self.ALL, self.NULLS, self.U, {"length": 0.1}, 0.1)
