from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sfumato import storage
from sfumato.errors import DamagedFile, RunError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    value = {"å": [0.1, None, {"deep": 2**70}]}
    storage.write_json(tmp_path / "new" / "spec.json", value)
    assert storage.read_json(tmp_path / "new" / "spec.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_readers_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.x"):
        storage.read_json(tmp_path / "gone.x")
    for text in ("[1]", "{", "[" * 100_000, "\x00"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DamagedFile, match=r"bad\.json"):
            storage.read_json(tmp_path / "bad.json")


VALUE = {"å": [0.1, None, {"deep": 2**70}], "one": 1}


class TestASealedFile:
    def test_is_read_without_its_seal(self, tmp_path: Path) -> None:
        path = tmp_path / "spec.json"
        storage.write_sealed_json(path, VALUE)
        assert storage.read_sealed_json(path) == VALUE
        assert "sha256" in storage.read_json(path)

    def test_may_be_laid_out_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "spec.json"
        storage.write_sealed_json(path, VALUE)
        tree = storage.read_json(path)
        path.write_text(json.dumps(dict(reversed(tree.items())), indent=4))
        assert storage.read_sealed_json(path) == VALUE

    def test_shows_what_was_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "spec.json"
        storage.write_sealed_json(path, VALUE)
        path.write_text(path.read_text().replace('"one": 1', '"one": 2'))
        with pytest.raises(DamagedFile, match=r"spec\.json is not what was written"):
            storage.read_sealed_json(path)

    def test_of_an_earlier_version_has_no_seal(self, tmp_path: Path) -> None:
        path = tmp_path / "spec.json"
        storage.write_json(path, VALUE)
        assert storage.read_sealed_json(path) == VALUE

    @pytest.mark.parametrize("seal", [None, 0, True, "", [], {}, "0" * 64])
    def test_with_another_seal_is_damaged(self, tmp_path: Path, seal: object) -> None:
        path = tmp_path / "spec.json"
        storage.write_json(path, {**VALUE, "sha256": seal})
        with pytest.raises(DamagedFile, match="not what was written"):
            storage.read_sealed_json(path)


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": [Infinity]}', '{"a": -Infinity}'])
def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DamagedFile, match="no JSON"):
        storage.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_an_overflow_under_a_seal_is_damage(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.json").write_text(f'{{"a": {number}, "sha256": "0"}}')
    with pytest.raises(DamagedFile):
        storage.read_sealed_json(tmp_path / "a.json")


def test_halves_of_surrogate_pairs_come_back(tmp_path: Path) -> None:
    value: dict[str, Any] = {"name": "a\udc80b", "\ud800": "ü"}
    storage.write_sealed_json(tmp_path / "a.json", value)
    assert storage.read_sealed_json(tmp_path / "a.json") == value
    (tmp_path / "a.json").read_bytes().decode()
    storage.write_text(tmp_path / "a.txt", "a\udc80ü")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "a\\udc80ü"


def test_json_is_as_readable_as_it_can_be() -> None:
    assert storage.to_json({"a": "ü"}) == '{"a": "ü"}'
    assert json.loads(storage.to_json("\udc80ü")) == "\udc80ü"
    with pytest.raises(ValueError, match="JSON"):
        storage.to_json(float("nan"))
