from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.errors import DamagedFile, DataError, SettingError
from sfumato.media.text import building, identity
from sfumato.media.text import library as library_module
from sfumato.media.text.library import Library
from sfumato.media.text.rows import Rows
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer

CHARACTERS = TextSettings()
BYTES = TextSettings(tokens="bytes")


def write(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def made(source: Path, settings: TextSettings = CHARACTERS, held_out: float = 0.0) -> Library:
    return Library.open_or_prepare(source, settings, held_out, cache_dir=source.parent / "cache")


def texts(library: Library) -> dict[str, str]:
    return {library.names[number]: library.text(number) for number in range(len(library))}


@given(written=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=8))
@settings(max_examples=8, deadline=None)
def test_every_document_reads_back(
    tmp_path_factory: pytest.TempPathFactory, written: list[str]
) -> None:
    source = write(tmp_path_factory.mktemp("d") / "a.jsonl", *({"text": one} for one in written))
    written = [one.replace("\r\n", "\n").replace("\r", "\n") for one in written]
    for how in (CHARACTERS, BYTES):
        library = made(source, how)
        assert [library.text(number) for number in range(len(library))] == written
        assert library.lengths.sum() == len(library.tokens) == library.offsets[-1]
        assert library.survey.characters == sum(map(len, written))


@pytest.mark.parametrize("how", ["characters", "bytes", "bpe"])
def test_long_documents_are_encoded_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    written = ["word 🙂 " * 40, "é" * 100, "short", "a b c " * 30]
    source = write(tmp_path / "a.jsonl", *({"text": one} for one in written))
    asked = TextSettings.model_validate({"tokens": how, "vocabulary": 270})
    whole = made(source, asked)
    monkeypatch.setattr(building, "_BATCH", 16)
    parts = Library.open_or_prepare(source, asked, 0.0, cache_dir=tmp_path / "other")
    assert [parts.text(number) for number in range(4)] == written
    assert parts.survey == whole.survey
    if how != "bpe":
        assert parts.tokens.tolist() == whole.tokens.tolist()


def test_tokens_take_as_little_room_as_they_can(tmp_path: Path) -> None:
    few = write(tmp_path / "few.jsonl", {"text": "banana"})
    assert made(few).tokens.dtype == np.uint8
    # 255 characters and the unknown one just fit into a byte.
    for count, dtype in ((255, np.uint8), (256, np.uint16), (65_536, np.int32)):
        text = "".join(chr(0x1_0000 + number) for number in range(count))
        library = made(write(tmp_path / f"{count}.jsonl", {"text": text}))
        assert library.tokens.dtype == dtype
        assert library.text(0) == text


def test_labels_are_numbered_in_order(tmp_path: Path) -> None:
    numbers = write(tmp_path / "n.jsonl", *({"text": "a", "label": one} for one in (10, 9, "2")))
    library = made(numbers)
    assert library.classes == ("2", "9", "10")
    assert library.labels is not None
    assert library.labels.tolist() == [2, 1, 0]
    words = write(tmp_path / "w.jsonl", *({"text": "a", "label": one} for one in ("b", 10, 9)))
    assert made(words).classes == ("10", "9", "b")
    plain = made(write(tmp_path / "p.jsonl", {"text": "a"}))
    assert (plain.labels, plain.classes) == (None, ())


def test_documents_without_a_label_are_used_beside_others(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "x"}, {"text": "y", "label": "b"}, {"text": "z"})
    library = made(source)
    assert list(texts(library).values()) == ["x", "y", "z"]
    assert library.labels is not None
    assert library.labels.tolist() == [-1, 0, -1]
    assert library.label_counts == {"b": 1}
    [problem] = library.problems
    assert (problem.path, problem.line) == ("a.jsonl", 1)
    assert problem.reason.startswith("2 texts have no label, this one first")


@pytest.mark.parametrize("label", [{"a": 1}, [["x"]], "\ud800"])
def test_a_label_that_cannot_be_used_costs_no_text(tmp_path: Path, label: object) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "x", "label": label}, {"text": "y", "label": "b"})
    assert len(made(source)) == 2
    without = Library.open_or_prepare(
        source, CHARACTERS, 0.0, cache_dir=tmp_path / "cache", labels=False
    )
    assert (len(without), without.labels, without.classes) == (2, None, ())


def test_leaks_are_found_where_records_divide(tmp_path: Path) -> None:
    records: list[dict[str, object]] = [
        {"text": "same", "split": "train"},
        {"text": "other", "split": "train"},
        {"text": "same", "split": "test"},
        {"text": "same", "split": "dev"},
        {"text": "own", "split": "test"},
    ]
    library = made(write(tmp_path / "a.jsonl", *records))
    assert library.leak_count == 2
    assert library.leaks == (("a.jsonl:3", "a.jsonl:1"), ("a.jsonl:4", "a.jsonl:1"))
    assert made(write(tmp_path / "b.jsonl", *records[:2]), held_out=0.5).leak_count == 0


def test_problems_of_the_folder_are_those_of_now(tmp_path: Path) -> None:
    """They can go without a change of the files, from which the cache is made."""
    source = folder_of_texts(tmp_path / "texts", a="one", b="two")
    (source / "link.txt").symlink_to(tmp_path / "nowhere.txt")
    assert [problem.path for problem in made(source).problems] == ["link.txt"]
    (source / "link.txt").unlink()
    assert made(source).problem_count == 0


def test_labels_from_places_are_part_of_the_identity(tmp_path: Path) -> None:
    source = folder_of_texts(tmp_path / "texts", a="one", b="two")
    for names in ("xy", "yx"):
        (source / "metadata.csv").write_text(
            f"file_name,label\na.txt,{names[0]}\nb.txt,{names[1]}\n"
        )
        library = made(source)
        assert library.labels is not None
        assert [library.classes[label] for label in library.labels] == list(names)


def test_a_field_of_labels_that_no_record_has(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "x", "kind": "b"})
    how = TextSettings(label_field="kinds")
    with pytest.raises(DataError, match="no field 'kinds'") as told:
        made(source, how)
    assert "its fields are: text, kind" in told.value.why
    assert len(Library.open_or_prepare(source, how, 0.0, None, tmp_path / "cache", False)) == 1


def test_a_field_of_texts_that_no_record_has(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("body,kind\na,b\n")
    with pytest.raises(DataError, match="Nothing in") as told:
        made(tmp_path / "a.csv")
    assert "its columns are: body, kind" in told.value.why
    assert "medium.text_field" in told.value.hint


def test_other_texts_elsewhere_are_others(tmp_path: Path) -> None:
    """Even where names, sizes and times agree, as they can when archives are unpacked."""
    for name, text in (("a", "one"), ("b", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text(text)
        os.utime(tmp_path / name / "notes.txt", (0, 0))
    for name, text in (("a", "one"), ("b", "two")):
        library = Library.open_or_prepare(
            tmp_path / name, CHARACTERS, 0.0, cache_dir=tmp_path / "cache"
        )
        assert library.text(0) == text


@pytest.mark.parametrize("field", ["label_field", "text_field"])
def test_a_field_needs_records(tmp_path: Path, field: str) -> None:
    (tmp_path / "a.txt").write_text("some text")
    with pytest.raises(DataError, match="no field 'kind'") as told:
        made(tmp_path / "a.txt", TextSettings.model_validate({field: "kind"}))
    assert f"medium.{field}" in told.value.why


def test_a_document_is_surveyed_before_its_end_is_taken_off(tmp_path: Path) -> None:
    text = "short\n" * 20 + "x" * 60 + "\nend\n"
    (tmp_path / "a.txt").write_text(text)
    library = made(tmp_path / "a.txt", held_out=0.2)
    assert len(library) == 2
    survey = library.survey
    assert (survey.longest_line, survey.longest_line_at) == (60, "a.txt, line 21")
    assert (survey.characters, survey.most) == (len(text), len(text))


def test_records_say_what_is_held_out(tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl",
        {"text": "abc", "split": "train"},
        {"text": "abé", "split": "test"},
        {"text": "d"},
        {"text": "abc", "split": "dev"},
    )
    for share in (0.0, 0.5):
        library = made(source, held_out=share)
        assert [part.tolist() for part in library.split()] == [[0, 2], [1, 3]]
        # The alphabet is what training has.
        assert isinstance(library.tokenizer, CharacterTokenizer)
        assert library.tokenizer.alphabet == "abcd"
        assert library.text(1) == "ab\ufffd"


def test_records_may_not_all_be_held_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        made(write(tmp_path / "a.jsonl", {"text": "x", "split": "test"}))


def test_equal_texts_are_never_divided(tmp_path: Path) -> None:
    written = [f"text {number // 2}" for number in range(80)]
    library = made(write(tmp_path / "a.jsonl", *({"text": one} for one in written)), held_out=0.3)
    training, held = library.split()
    assert sorted([*training, *held]) == list(range(80))
    assert 8 <= len(held) <= 40
    assert not {written[place] for place in training} & {written[place] for place in held}
    assert library.duplicate_count == 40
    assert library.duplicates[0] == ("a.jsonl:2", "a.jsonl:1")


def test_the_choice_survives_more_documents(tmp_path: Path) -> None:
    written: list[dict[str, object]] = [{"text": f"text {number}"} for number in range(90)]
    before = made(write(tmp_path / "a.jsonl", *written[:60]), held_out=0.2).held_out.copy()
    after = made(write(tmp_path / "a.jsonl", *written), held_out=0.2).held_out
    assert after[:60].tolist() == before.tolist()


def test_the_end_of_a_single_document_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("0123456789é" * 10)
    library = made(tmp_path / "poem.txt", held_out=0.1)
    assert texts(library) == {
        "poem.txt": ("0123456789é" * 10)[:99],
        "poem.txt#end": "0123456789é",
    }
    assert library.held_out.tolist() == [False, True]
    assert len(made(tmp_path / "poem.txt", held_out=0.0)) == 1
    (tmp_path / "one.txt").write_text("x")
    for share in (0.5, 0.99):
        assert made(tmp_path / "one.txt", held_out=share).held_out.tolist() == [False]


def test_equal_documents_are_all_trained_on(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", *({"text": "same"} for _ in range(5)))
    for share in (0.1, 0.5, 0.99):
        assert not made(source, held_out=share).held_out.any()


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_out_of_range(tmp_path: Path, share: float) -> None:
    (tmp_path / "one.txt").write_text("some text")
    with pytest.raises(SettingError):
        made(tmp_path / "one.txt", held_out=share)


def test_a_given_tokenizer_is_used(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "abc"})
    cache = tmp_path / "cache"
    given_one = CharacterTokenizer("ab")
    library = Library.open_or_prepare(source, CHARACTERS, 0.0, given_one, cache)
    assert library.tokens.tolist() == [0, 1, 2]
    other = Library.open_or_prepare(source, CHARACTERS, 0.0, ByteTokenizer(), cache)
    assert other.text(0) == "abc"
    assert made(source).tokenizer.size == 4


def test_the_cache_is_used_until_something_changes(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "abc"}, {"text": "d"})
    first = made(source)
    cache = tmp_path / "cache"
    assert list(Library.prepare(source, CHARACTERS, 0.0, cache_dir=cache)) == []
    assert made(source, TextSettings(context=64)).folder == first.folder
    assert sorted(path.name for path in first.folder.iterdir()) == [
        "chunks.npy", "file_digests.npy", "file_offsets.npy", "file_stats.npy", "files.npy",
        "held_out.npy", "name_offsets.npy", "names.npy", "offsets.npy", "table.json", "tokens.bin",
    ]  # fmt: skip
    assert Library.open(source, BYTES, 0.0, cache_dir=cache) is None
    os.utime(source, ns=(0, 0))
    assert Library.open(source, CHARACTERS, 0.0, cache_dir=cache) is None


def test_a_damaged_cache_is_built_again(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "abc", "label": "x"}, {"text": "d", "label": "y"})
    whole = made(source)
    names = sorted(path.name for path in whole.folder.iterdir())
    for name in names:
        for damage in (b"" if name.startswith("n") else b"short", None):
            path = whole.folder / name
            path.unlink() if damage is None else path.write_bytes(damage)
            assert Library.open(source, CHARACTERS, 0.0, cache_dir=tmp_path / "cache") is None
            again = made(source)
            assert texts(again) == {"a.jsonl:1": "abc", "a.jsonl:2": "d"}
    assert [path.name for path in whole.folder.parent.iterdir()] == [whole.folder.name]


def test_a_pipe_in_the_cache_is_not_waited_for(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "abc", "label": "x"})
    whole = made(source)
    for name in sorted(path.name for path in whole.folder.iterdir()):
        (whole.folder / name).unlink()
        os.mkfifo(whole.folder / name)
        assert texts(made(source)) == {"a.jsonl:1": "abc"}


def test_stopping_early_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_BATCH", 1)
    source = write(tmp_path / "a.jsonl", *({"text": "abc"} for _ in range(9)))
    steps = Library.prepare(source, CHARACTERS, 0.0, cache_dir=tmp_path / "cache")
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "cache/texts").iterdir()) == []


def test_progress_goes_up_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_BATCH", 1)
    source = write(tmp_path / "a.jsonl", *({"text": "abc"} for _ in range(5)), {"text": ""})
    steps = list(Library.prepare(source, CHARACTERS, 0.0, cache_dir=tmp_path / "cache"))
    done = [step.done_bytes for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[0].total_bytes == 2 * source.stat().st_size
    assert steps[-1][2:] == (5, 1)


def test_the_fingerprint_is_of_the_contents(tmp_path: Path) -> None:
    (tmp_path / "one/x").mkdir(parents=True)
    (tmp_path / "one/x/a.txt").write_text("abc")
    (tmp_path / "one/b.txt").write_text("abd")
    first = made(tmp_path / "one", held_out=0.5)
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    assert made(tmp_path / "two").fingerprint == first.fingerprint
    (tmp_path / "two/b.txt").write_text("abe")
    assert made(tmp_path / "two").fingerprint != first.fingerprint
    shutil.move(tmp_path / "one/b.txt", tmp_path / "one/c.txt")
    assert made(tmp_path / "one").fingerprint != first.fingerprint


def test_the_fingerprint_is_of_labels_and_sides_too(tmp_path: Path) -> None:
    records: list[dict[str, object]] = [
        {"text": "abc", "label": "x"},
        {"text": "abc", "label": "y"},
        {"text": "abc", "label": "x", "split": "train"},
        {"text": "abc"},
    ]
    fingerprints = {made(write(tmp_path / "a.jsonl", one)).fingerprint for one in records}
    assert len(fingerprints) == 4


def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n")
    write(tmp_path / "b.jsonl", {"text": ""})
    with pytest.raises(DataError, match="Nothing in") as told:
        made(tmp_path)
    assert told.value.why == "a.txt: is empty; b.jsonl:1: 'text' is empty"
    assert "UTF-8" in told.value.hint


def test_many_problems_are_counted_and_some_kept(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text("bad\n" * 1500 + '{"text": "good"}')
    library = made(source)
    assert (library.problem_count, len(library.problems)) == (1500, 1000)
    assert library.problems[-1].line == 1000


def folder_of_texts(root: Path, **written: str) -> Path:
    root.mkdir(exist_ok=True)
    for name, text in written.items():
        (root / f"{name}.txt").write_text(text)
        os.utime(root / f"{name}.txt", ns=(0, 0))
    return root


def test_a_file_replaced_with_size_and_time_kept(tmp_path: Path) -> None:
    source = folder_of_texts(tmp_path / "texts", a="one", b="two")
    before = made(source)
    folder_of_texts(source, b="owt")
    after = made(source)
    assert texts(after) == {"a.txt": "one", "b.txt": "owt"}
    assert after.fingerprint != before.fingerprint
    assert str(after.changes) == "1 changed (b.txt)"
    assert not made(source).changes


def test_a_touched_file_alone_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of_texts(tmp_path / "texts", a="one", b="two", c="three")
    before = made(source)
    os.utime(source / "b.txt", ns=(1, 1))
    names = []
    original = identity.digest_of_file
    monkeypatch.setattr(
        identity,
        "digest_of_file",
        lambda root, file, how: names.append(file.path) or original(root, file, how),
    )
    monkeypatch.setattr(building, "_collect", None)  # Nothing is learnt or encoded.
    after = made(source)
    assert names == ["b.txt"]
    assert after.folder != before.folder
    assert texts(after) == texts(before)
    assert (after.fingerprint, after.survey) == (before.fingerprint, before.survey)
    assert not after.changes
    made(source)
    assert names == ["b.txt"]


def test_a_mended_file_is_read_again(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"text": "abc"}, {"text": ""})
    assert made(source).problem_count == 1
    write(source, {"text": "abc"})
    assert made(source).problem_count == 0


def test_a_share_of_an_array_on_one_line_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([f"text {number}" for number in range(200)]))
    assert 5 <= made(tmp_path / "a.json", held_out=0.1).held_out.sum() <= 40


@pytest.mark.parametrize("equal", [150, 190])
def test_a_share_is_held_out_beside_many_equal_texts(tmp_path: Path, equal: int) -> None:
    for other in range(5):
        written = ["same"] * equal + [f"text {other}-{number}" for number in range(200 - equal)]
        source = write(tmp_path / f"{other}.jsonl", *({"text": one} for one in written))
        held = made(source, held_out=0.05).held_out
        assert 1 <= held.sum() <= 20
        assert not held[:equal].any()


def test_zeros_and_swapped_labels_are_noticed(tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl", *({"text": f"text {n}", "label": f"{n % 2}"} for n in range(9))
    )
    whole = made(source, held_out=0.3)
    expected = texts(whole), whole.label_counts, whole.held_out.tolist()
    for path in sorted(whole.folder.iterdir()):
        content = path.read_bytes()
        for damage in (b"\0" * len(content), content[:128] + content[128:][::-1]):
            if damage != content:
                path.write_bytes(damage)
                again = made(source, held_out=0.3)
                assert (texts(again), again.label_counts, again.held_out.tolist()) == expected


@pytest.mark.parametrize("large", [False, True])
def test_damage_of_equal_size_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    source = write(
        tmp_path / "a.jsonl", *({"text": f"text {n}", "label": f"{n % 2}"} for n in range(9))
    )
    whole = made(source)
    expected = texts(whole)
    for path in sorted(whole.folder.iterdir()):
        content = bytearray(path.read_bytes())
        content[-2] ^= 1
        path.write_bytes(content)
        if large and path.name == "tokens.bin":
            with monkeypatch.context() as patch:
                patch.setattr(library_module, "_COMPARED_AT_ONCE", 0)
                found = made(source)
                with pytest.raises(DamagedFile, match="is damaged"):
                    Rows(found, range(9), 16, 0).batch([0], 0)
        assert Library.open(source, CHARACTERS, 0.0, cache_dir=tmp_path / "cache") is None
        assert texts(made(source)) == expected


def test_a_file_that_can_be_opened_by_now_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of_texts(tmp_path / "texts", a="one", b="two")
    original = Path.open

    def fail(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "b.txt":
            raise OSError(5, "Input/output error")
        return original(path, *args, **kwargs)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        assert texts(made(source)) == {"a.txt": "one"}
        assert texts(made(source)) == {"a.txt": "one"}
    assert texts(made(source)) == {"a.txt": "one", "b.txt": "two"}
