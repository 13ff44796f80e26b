"""Text as a run uses it: rows, classes, lengths, and the run's own tokens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sfumato.catalogue import CATALOGUE
from sfumato.errors import DamagedFile, DataError, RunError
from sfumato.media.medium import Reading
from sfumato.media.registry import find
from sfumato.media.text.medium import TextData, TextMedium, read_tokenizer
from sfumato.media.text.recipes import TextRecipe
from sfumato.model.tokens import class_numbers
from sfumato.recipes import override
from sfumato.runs.directory import RunDirectory
from sfumato.training import source as reading
from sfumato.training.data import prepare, reopen
from sfumato.training.source import Fetching, located_again, recipe_for

PARITY = "medium.label_field=parity"


def asked(*changes: str) -> TextRecipe:
    recipe = override(find("text"), ["medium.context=32", *changes])
    assert isinstance(recipe, TextRecipe)
    return recipe


def read(events: Iterator[Any]) -> TextData:
    *_, last = events
    assert isinstance(last, TextData)
    return last


def test_progress_and_then_the_data(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc " * 500)
    events = list(prepare(tmp_path / "a.txt", asked()))
    assert all(isinstance(event, Reading) and event.unit == "MB" for event in events[:-1])
    assert len(events) > 1
    assert len(list(prepare(tmp_path / "a.txt", asked()))) == 1  # from the cache


def test_facts_of_one_long_text(prose: Path) -> None:
    data = read(prepare(prose, asked("data.held_out=0.25")))
    facts = data.facts
    assert (facts.classes, facts.frequencies) == ((), ())
    assert facts.source == str(prose)
    assert not facts.catalogued
    assert facts.vocabulary == len(set(prose.read_text())) + 1  # and the unknown
    assert facts.lengths[:-1] == (0,) * 32
    assert facts.lengths[32] == len(data.training)
    assert len(data.held_out) > 0


def test_facts_of_short_labelled_texts(records: Path) -> None:
    data = read(prepare(records, asked(PARITY, "data.held_out=0")))
    texts = [json.loads(line) for line in records.read_text().splitlines()]
    lengths = Counter(len(one["text"]) for one in texts)
    assert {size: n for size, n in enumerate(data.facts.lengths) if n} == lengths
    assert data.facts.classes == ("even", "odd")
    even = sum(len(one["text"]) for one in texts if one["parity"] == "even")
    share = even / sum(len(one["text"]) for one in texts)
    assert data.facts.frequencies == pytest.approx((share, 1 - share), abs=1e-5)


def test_frequencies_are_those_of_what_is_trained_on(records: Path) -> None:
    data = read(prepare(records, asked(PARITY, "data.held_out=0.3")))
    tokens: Counter[int] = Counter()
    for row in range(len(data.training)):
        batch = data.training.batch([row], 0)
        assert batch.labels is not None
        tokens[int(batch.labels[0])] += int((batch.segments >= 0).sum())
    total = sum(tokens.values())
    expected = [tokens[kind] / total for kind in (0, 1)]
    assert data.facts.frequencies == pytest.approx(expected, abs=1e-5)


def test_a_summary_of_what_is_taken(records: Path, tmp_path: Path) -> None:
    """In the words of data check, from the cache too."""
    for _ in range(2):
        rows = dict(read(prepare(records, asked(PARITY, "data.held_out=0.25"))).summary())
        assert rows["texts"].startswith("80, of them held out")
        assert rows["classes"] == "even 60, odd 20"
        assert rows["set aside or repaired"] == "0"
        assert "rows" in rows and "characters" in rows
    (tmp_path / "a.jsonl").write_text('{"text": "x", "label": "a"}\n{"text": "y"}\nbad\n')
    rows = dict(read(prepare(tmp_path / "a.jsonl", asked("data.held_out=0"))).summary())
    assert rows["classes"] == "a 1; without a label 1"
    assert rows["set aside or repaired"].startswith("2\n")
    assert "sfumato data check" in rows["set aside or repaired"]


def test_texts_without_a_label_get_the_null_label(tmp_path: Path) -> None:
    lines = [{"text": f"text {n}", **({"label": "ab"[n % 2]} if n < 6 else {})} for n in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    recipe = asked("data.held_out=0.2", "data.label_drop=0", "engine.batch=8")
    data = read(prepare(tmp_path / "a.jsonl", recipe))
    assert data.facts.classes == ("a", "b")
    assert sum(data.facts.frequencies) == pytest.approx(1, abs=1e-5)
    labels = data.training.batch(range(len(data.training)), 0).labels
    assert labels is not None
    assert set(labels.tolist()) == {-1, 0, 1}
    assert class_numbers(labels, 2).tolist() == [2 if one < 0 else one for one in labels.tolist()]


def test_patterns_choose_the_files_of_a_run(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"the text of {name}")
    data = read(prepare(tmp_path, asked('data.exclude=["b.*"]', "data.held_out=0")))
    assert list(data.library.names) == ["a.txt", "c.txt"]


def test_folders_are_classes(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "x.txt").write_text(f"{label} one\n{label} two\n" * 9)
    data = read(prepare(tmp_path / "set", asked("medium.split=line", "data.held_out=0")))
    assert data.facts.classes == ("a", "b")
    assert data.facts.count == 36
    assert data.facts.frequencies == (0.5, 0.5)


def test_the_tokens_of_the_run_are_kept_when_the_texts_grow(tmp_path: Path) -> None:
    """A resumed run would otherwise read other tokens with its old weights."""
    path = tmp_path / "a.txt"
    path.write_text("abc " * 100)
    first = read(prepare(path, asked()))
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    first.store(run.root)
    assert read_tokenizer(run.root).to_json() == first.tokenizer.to_json()
    path.write_text("abcd " * 100)
    [place] = located_again(first.facts, run.root)
    again = read(TextMedium.open(place, asked(), run.root))
    assert again.tokenizer.to_json() == first.tokenizer.to_json()
    with pytest.raises(RunError, match="not what this run began with"):
        read(reopen(run, first.facts, asked()))


def test_a_run_without_its_tokens(tmp_path: Path, prose: Path) -> None:
    facts = read(prepare(prose, asked())).facts
    with pytest.raises(RunError, match=r"tokenizer\.json"):
        read(reopen(RunDirectory(tmp_path), facts, asked()))
    (tmp_path / "tokenizer.json").write_text('{"kind": "characters"}')
    with pytest.raises(DamagedFile):
        read(reopen(RunDirectory(tmp_path), facts, asked()))


def test_what_the_catalogue_says_gives_way_to_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, field = next(
        (name, entry.settings["medium.label_field"])
        for name, entry in CATALOGUE.items()
        if "medium.label_field" in entry.settings
    )
    records = [{"text": f"text {n}", field: f"a{n % 2}", "other": f"b{n % 2}"} for n in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    monkeypatch.setattr(reading, "fetch", lambda name: SimpleNamespace(path=tmp_path))
    events = list(prepare(name, recipe_for(name)))
    assert isinstance(events[0], Fetching)
    data = read(iter(events))
    assert data.facts.classes == ("a0", "a1")
    assert data.settled().medium.label_field == field
    assert (data.facts.source, data.facts.catalogued) == (name, True)
    assert data.facts.licence == CATALOGUE[name].licence
    data = read(prepare(name, recipe_for(name, changes=["medium.label_field=other"])))
    assert data.facts.classes == ("b0", "b1")


def test_nothing_left_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "only one", "split": "test"}) + "\n")
    with pytest.raises(DataError, match="nothing to train on"):
        read(prepare(tmp_path / "a.jsonl", asked()))


@pytest.mark.parametrize("content", ["", " \n \n"])
def test_an_empty_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=r"a\.txt"):
        read(prepare(tmp_path / "a.txt", asked()))
