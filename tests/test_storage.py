from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from safetensors import SafetensorError

from sfumato import storage
from sfumato.errors import DamagedFile, DiskFull, RunError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    value = {"å": [0.1, None, {"deep": 2**70}]}
    storage.write_json(tmp_path / "new" / "spec.json", value)
    assert storage.read_json(tmp_path / "new" / "spec.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    storage.write_text(path, "old")
    with pytest.raises(KeyError), storage.replacing(path) as draft:
        draft.write_text("half of the n")
        raise KeyError
    with pytest.raises(ValueError, match="JSON"):
        storage.write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_safetensors_reports_a_full_disk_as_text(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), storage.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: No space left on device (os error 28)")
    with pytest.raises(SafetensorError), storage.replacing(tmp_path / "x"):
        raise SafetensorError("Error: I/O error: Permission denied (os error 13)")


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    for error in (
        OSError(errno.EFBIG, "File too large"),
        SafetensorError("Error: I/O error: File too large (os error 27)"),
    ):
        with (
            pytest.raises(DiskFull, match="is allowed") as caught,
            storage.replacing(tmp_path / "x"),
        ):
            raise error
        assert "ulimit" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_readers_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.x"):
        storage.read_json(tmp_path / "gone.x")
    for text in ("[1]", "{", "[" * 100_000, "\x00"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DamagedFile, match=r"bad\.json"):
            storage.read_json(tmp_path / "bad.json")


def test_removing_leaves_no_half_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()

    def killed(path: Path) -> None:
        raise SystemExit

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        storage.remove(tmp_path / "old")
    monkeypatch.undo()
    assert not (tmp_path / "old").exists()
    assert len(storage.sweep(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_cache_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", "/somewhere/else")
    assert storage.default_cache() == Path("/somewhere/else")
    monkeypatch.delenv("SFUMATO_CACHE")
    assert storage.default_cache() == Path.home() / ".cache" / "sfumato"


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    storage.write_bytes(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="no room left"):
        storage.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "set"
    with storage.new_folder(place) as building:
        (building / "a").write_text("1")
        assert not place.exists()
    assert (place / "a").read_text() == "1"
    assert list(place.parent.iterdir()) == [place]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), storage.new_folder(tmp_path / "set") as building:
        (building / "a").write_text("1")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_first_to_finish_wins(tmp_path: Path) -> None:
    with storage.new_folder(tmp_path / "set") as late:
        (late / "a").write_text("late")
        with storage.new_folder(tmp_path / "set") as early:
            (early / "a").write_text("early")
    assert (tmp_path / "set/a").read_text() == "early"
    assert [child.name for child in tmp_path.iterdir()] == ["set"]


def test_what_a_killed_build_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".partial-set-1-0", tmp_path / ".partial-set-2-0"
    for folder in (old, young):
        folder.mkdir()
        (folder / "big").write_text("x")
    os.utime(old, (0, 0))
    with storage.new_folder(tmp_path / "set"):
        pass
    assert not old.exists()
    assert young.exists()


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
