from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfumato.errors import DamagedFile
from sfumato.media.data import digests
from sfumato.media.data.digests import (
    Changes,
    Entry,
    changes_since,
    compare,
    read_digests,
    write_digests,
)

BEFORE = [
    Entry("a.png", 0, "aa", "cat", None, 9),
    Entry("b\n.wav", 0, "bb", None, "g", 9),
    Entry("b\n.wav", 1, "cc", None, "g", 9),
    Entry("ü.png", 0, "dd", None, None, 9),
]


def test_what_changed_is_named() -> None:
    now = [
        Entry("a.png", 0, "aa", "dog", None, 9),
        Entry("b\n.wav", 0, "b2", None, "g", 9),
        Entry("b\n.wav", 1, "c2", None, "g", 9),
        Entry("new.png", 0, "ee"),
    ]
    changes = compare(BEFORE, now)
    assert (changes.changed.count, changes.changed.names) == (1, ["b\n.wav"])
    assert changes.relabelled.names == ["a.png"]
    assert changes.new.names == ["new.png"]
    assert changes.gone.names == ["ü.png"]
    assert "1 new (new.png), 1 gone (ü.png)" in str(changes)
    again = Changes.from_json(json.loads(json.dumps(changes.to_json())))
    assert str(again) == str(changes)


def test_equal_sets_have_no_changes() -> None:
    assert not compare(BEFORE, BEFORE)
    assert str(compare(BEFORE, [])).startswith("3 gone")
    assert str(compare([], BEFORE)).startswith("3 new")


def test_many_are_counted_and_a_few_named() -> None:
    changes = compare([], (Entry(f"{number:04d}.png", 0, "aa") for number in range(1000)))
    assert str(changes) == "1,000 new (0000.png, 0001.png, 0002.png, ...)"
    assert len(changes.new.names) == 20


def test_a_table_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "data.digests"
    write_digests(path, BEFORE)
    decoders, entries = read_digests(path)
    assert list(entries) == BEFORE
    assert "numpy" in decoders
    assert not changes_since(path, BEFORE)
    assert str(changes_since(path, BEFORE[1:])) == "1 gone (a.png)"


def test_other_decoders_may_give_other_digests_of_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.digests"
    write_digests(path, BEFORE)
    decoded_otherwise = [BEFORE[0]._replace(digest="a2"), *BEFORE[1:]]
    assert str(changes_since(path, decoded_otherwise)) == "1 changed (a.png)"
    monkeypatch.setattr(digests, "decoder_versions", lambda: "another machine")
    changes = changes_since(path, decoded_otherwise)
    assert changes is not None
    assert not changes
    other_size = [BEFORE[0]._replace(digest="a2", size=8), *BEFORE[1:]]
    assert str(changes_since(path, other_size)) == "1 changed (a.png)"


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_damage_is_noticed(tmp_path: Path, place: int) -> None:
    path = tmp_path / "data.digests"
    write_digests(path, BEFORE)
    data = bytearray(path.read_bytes())
    data[-1 - place % len(data)] ^= 1
    path.write_bytes(data)
    try:
        # A damaged list of decoders makes the comparison coarser, and nothing else.
        assert list(read_digests(path)[1]) == BEFORE
    except DamagedFile:
        assert changes_since(path, BEFORE) is None


def test_there_may_be_no_table(tmp_path: Path) -> None:
    assert changes_since(tmp_path / "data.digests", BEFORE) is None


@pytest.mark.parametrize("line", ["[]", "[1,2,3]", '{"path":"a"}', "[" * 9999, '["a","b","c"]'])
def test_entries_that_are_none(tmp_path: Path, line: str) -> None:
    path = tmp_path / "data.digests"
    body = zlib.compress(line.encode() + b"\n")
    digest = hashlib.sha256(body).hexdigest()
    head = {"format": 1, "items": 1, "decoders": "", "sha256": digest}
    path.write_bytes(json.dumps(head).encode() + b"\n" + body)
    with pytest.raises(DamagedFile):
        list(read_digests(path)[1])
    assert changes_since(path, BEFORE) is None


def test_the_table_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_MOST_ITEMS", 10)
    taken = 0

    def many() -> Iterator[Entry]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield Entry(f"{number}.png", 0, "aa")

    write_digests(tmp_path / "data.digests", many())
    assert taken == 11
    assert list(tmp_path.iterdir()) == []


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_digests(tmp_path / "data.digests", BEFORE)
    monkeypatch.setattr(digests, "_MOST_BYTES", 40)
    with pytest.raises(DamagedFile, match="table of digests"):
        read_digests(tmp_path / "data.digests")
