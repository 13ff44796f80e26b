from __future__ import annotations

import json
import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sfumato.media.text.collection import Survey, Surveyor


def survey_of(texts: list[str]) -> Survey:
    surveyor = Surveyor([f"t{number}" for number in range(len(texts))])
    for text in texts:
        surveyor.add(text)
        surveyor.count(text)
    return surveyor.finish()


@given(texts=st.lists(st.text("ab\né🙂", min_size=1, max_size=12), min_size=1, max_size=9))
def test_figures(texts: list[str]) -> None:
    survey = survey_of(texts)
    counts = Counter("".join(texts))
    lengths = sorted(map(len, texts))
    assert survey.characters == counts.total()
    assert survey.distinct == len(counts)
    assert dict(survey.rarest) == counts
    assert [count for _, count in survey.rarest] == sorted(counts.values())
    assert (survey.least, survey.most) == (lengths[0], lengths[-1])
    assert lengths[(len(texts) - 1) // 2] <= survey.median <= lengths[len(texts) // 2]
    lines = {
        f"t{number}, line {place}": len(line)
        for number, text in enumerate(texts)
        for place, line in enumerate(text.split("\n"), start=1)
    }
    assert survey.longest_line == max(lines.values()) == lines[survey.longest_line_at]


def test_a_large_text_is_not_divided_into_all_its_lines() -> None:
    surveyor = Surveyor(["t"])
    text = "a line\n" * 30_000 + "a longer line\n"
    tracemalloc.start()
    surveyor.add(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 0.1 * len(text)
    surveyor.count(text)
    assert surveyor.finish().longest_line_at == "t, line 30001"


def test_beginnings_are_evenly_spaced() -> None:
    survey = survey_of([f"{number}" + "x" * 100 for number in range(9)])
    assert [name for name, _ in survey.beginnings] == ["t0", "t2", "t4", "t6", "t8"]
    assert all(text == name[1:] + "x" * 79 for name, text in survey.beginnings)


def test_stored_and_read_back() -> None:
    survey = survey_of(["a🙂\nbb", "c"])
    assert Survey.from_json(json.loads(json.dumps(survey.to_json()))) == survey
