from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from sfumato.conditioning.file import PairFile
from sfumato.conditioning.pair import Pair, matched, places_of
from sfumato.data.items import Item
from sfumato.errors import DataError, SettingError
from sfumato.nets.inputs import SignalInput


class TestPlaces:
    @pytest.mark.parametrize(
        ("path", "folder", "expected"),
        [
            ("1.png", "sketches", ["1"]),
            ("a/b/1.png", "sketches", ["a/b/1", "b/1", "1"]),
            ("photos/1.png", "sketches", ["photos/1", "1"]),
            ("a/photos/b/1.png", "a/sketches", ["a/photos/b/1", "photos/b/1", "b/1", "1"]),
            ("a.b/c", "sketches", ["a.b/c", "c"]),
        ],
    )
    def test_from_the_whole_path_to_the_name(
        self, path: str, folder: str, expected: list[str]
    ) -> None:
        assert list(places_of(path, folder)) == expected


class TestMatched:
    def test_the_same_path_in_the_folder(self) -> None:
        found = matched(["a/1.png", "b/1.png"], ["a/1.jpg", "b/1.jpg", "1.png"], "sketches")
        assert found == {"a/1.png": "a/1.jpg", "b/1.png": "b/1.jpg"}

    def test_a_folder_beside_that_of_the_pairs(self) -> None:
        assert matched(["photos/x/1.png"], ["x/1.png"], "sketches") == {"photos/x/1.png": "x/1.png"}

    def test_a_name_that_several_items_have_is_the_pair_of_none(self) -> None:
        items = ["a/1.png", "b/1.png", "b/2.png"]
        assert matched(items, ["1.png", "2.png"], "sketches") == {"b/2.png": "2.png"}

    def test_the_suffix_of_the_item_counts_first(self) -> None:
        pairs = ["1.bmp", "1.png", "2.bmp", "2.jpg"]
        assert matched(["1.png", "2.png", "3.png"], pairs, "s") == {
            "1.png": "1.png",
            "2.png": "2.bmp",
        }


class TestFolder:
    def test_it_is_that_of_the_condition_s_name(self) -> None:
        assert Pair().place("sketch") == "sketch"
        assert Pair(folder="a\\b/").place("sketch") == "a/b"

    @pytest.mark.parametrize("folder", ["/tmp", "../x", "a/../../b", ".", "a//b", ".hidden"])
    def test_it_stays_inside_that_of_the_data(self, folder: str) -> None:
        with pytest.raises(ValidationError, match="inside"):
            Pair(folder=folder)


class TestRows:
    def test_known_values_have_a_channel_of_ones(self) -> None:
        pair, file = Pair(shape=(2, 3, 4)), PairFile(path="x")
        signal = torch.arange(24.0).reshape(1, 2, 3, 4)
        rows = pair.rows([None, file], lambda values: signal.expand(len(values), 2, 3, 4))
        assert rows.shape == (2, 3, 3, 4)
        assert torch.equal(rows[1], torch.cat([signal[0], torch.ones(1, 3, 4)]))
        assert not rows[0].any()

    def test_unknown_values_need_nothing_that_reads(self) -> None:
        pair = Pair(shape=(1, 4))
        assert torch.equal(pair.rows([None, None]), torch.zeros(2, 2, 4))
        with pytest.raises(ValueError, match="reads pairs"):
            pair.rows([PairFile(path="x")])

    def test_the_input_has_as_many_channels(self) -> None:
        shape = Pair(shape=(3, 8, 8)).input()
        assert shape == SignalInput(3)
        assert (
            shape.unknown(torch.zeros(2, 3, 8, 8)).shape
            == Pair(shape=(3, 8, 8)).rows([None, None]).shape
        )


class TestValues:
    def test_a_value_is_the_path_of_an_item_s_pair(self) -> None:
        item = Item("1.wav", part=2, fields={"sketch": "/data/sketch/1.wav"})
        assert Pair().value(item, "sketch") == PairFile(path="/data/sketch/1.wav", part=2)
        assert Pair().value(Item("1.wav"), "sketch") is None
        assert Pair(field="Drawing").column("sketch") == "drawing"

    def test_a_file_of_the_user_has_its_digest(self, tmp_path: Path) -> None:
        path = tmp_path / "x.png"
        path.write_bytes(b"abc")
        expected = PairFile(path=str(path), sha256=hashlib.sha256(b"abc").hexdigest())
        assert Pair().parsed("sketch", str(path)) == expected == Pair().parsed("sketch", path)

    def test_a_file_that_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no\.png"):
            Pair().parsed("sketch", tmp_path / "no.png")
        with pytest.raises(SettingError, match="path of a file"):
            Pair().parsed("sketch", 3)
