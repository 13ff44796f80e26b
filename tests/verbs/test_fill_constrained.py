"""Filling gaps under regular expressions and lists of words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato.errors import DataError, SettingError
from sfumato.model.options import FillOptions
from sfumato.model.tokens import TokenModel
from sfumato.run import open_run
from sfumato.verbs import fill as verb
from sfumato.verbs.fill import Filled, fill

Runs = Callable[..., Path]


@pytest.fixture(scope="module")
def model(finished_texts: Path) -> TokenModel:
    found = open_run(finished_texts / "prose").model
    assert isinstance(found, TokenModel)
    return found


def filled(model: TokenModel, text: str, **options: Any) -> list[Filled]:
    return fill(model, text, FillOptions(**{"candidates": 8, "n": 8, "particles": 3, **options}))


@pytest.mark.parametrize(
    "pattern", ["[a-e]+", "s?ea|is", "(an )?[a-z]{2}", ".{3}", "[^aeiou ]{2,4}", r"\w+ \w+", "b.*d"]
)
@pytest.mark.parametrize(
    "text", ["the ____ sea", "____ is blue", "the sea is ____", "the____;____"]
)
def test_every_filling_matches(model: TokenModel, text: str, pattern: str) -> None:
    results = filled(model, text, pattern=pattern, temperature=2.0)
    assert results
    for one in results:
        for gap in one.gaps:
            assert re.fullmatch(pattern, gap)
        parts = text.split("____")
        woven = [part for pair in zip(parts, (*one.gaps, ""), strict=True) for part in pair]
        assert one.text == "".join(woven)
        assert tuple(one.text[begin:end] for begin, end in one.spans) == one.gaps


def test_without_chance_too(model: TokenModel) -> None:
    """Where the nucleus holds no token of the language, another one is drawn all the same."""
    for options in ({"temperature": 1e-6}, {"top_p": 1e-9}):
        for one in filled(model, "the ____ sea", pattern="[bd]{3}", **options):
            assert re.fullmatch("[bd]{3}", one.gaps[0])


def test_one_pattern_for_each_gap(model: TokenModel) -> None:
    for one in filled(model, "the ____ is ____ and ____", pattern=["a+", "b+", "[cd]"]):
        assert all(map(re.fullmatch, ["a+", "b+", "[cd]"], one.gaps))
    with pytest.raises(SettingError, match=r"(?s)2 patterns, and 3 gaps.*one for each"):
        filled(model, "the ____ is ____ and ____", pattern=["a+", "b+"])


def test_words(model: TokenModel, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(b"\xef\xbb\xbfsea\r\n\r\n a bee \nis\n")
    words = {"sea", "a bee", "is", "blue", "and"}
    results = filled(model, "the ____ ;", words=["blue, and", f"@{file}"], candidates=24, n=24)
    assert {one.gaps[0] for one in results} == words
    both = filled(model, "the ____ ;", words=["blue,and"], pattern=".{4}")
    assert {one.gaps[0] for one in both} == {"blue"}


def test_all_words_are_of_their_own_lengths(model: TokenModel) -> None:
    """Lengths that no word has are not tried, so there is no candidate without a word."""
    for words in ({"a", "green"}, {"sea", "and the sea is red"}):
        results = filled(model, "the ____ sea", words=",".join(words), candidates=2, n=2)
        assert {one.gaps[0] for one in results} == words
    with pytest.raises(SettingError, match=r"(?s)2 to 4 tokens.*gap 1 can have 1, 5 tokens"):
        filled(model, "the ____ sea", words="a,green", length="2-4")


def test_it_is_a_function_of_the_seed_and_the_candidate(model: TokenModel) -> None:
    options = {"pattern": "[a-z]{3}", "candidates": 4, "n": 4}
    first = filled(model, "the ____ sea", **options, seed=5)
    assert filled(model, "the ____ sea", **options, seed=5) == first
    assert filled(model, "the ____ sea", **options, seed=6) != first


def test_the_size_of_a_batch_does_not_matter(
    model: TokenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"pattern": "[a-z]{2,5}", "candidates": 5, "n": 5}
    at_once = filled(model, "the ____ sea", **options)
    monkeypatch.setattr(verb, "_MOST_LOGITS", 1)
    assert filled(model, "the ____ sea", **options) == at_once


def test_labels_and_steps(finished_texts: Path) -> None:
    digits = open_run(finished_texts / "labelled").model
    assert isinstance(digits, TokenModel)
    for options in ({"label": "odd"}, {"label": "odd", "scale": 3.0}, {"steps": 1}, {"steps": 2}):
        for one in filled(digits, "13____7", pattern="[02468]{4}", **options):
            assert re.fullmatch("13[02468]{4}7", one.text)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"pattern": "(a"}, r"(?s)'\(a' cannot be understood at character 1.*not closed"),
            ({"pattern": "a{2000}"}, "too large"),
            ({"pattern": "a{0}"}, "matches nothing that can fill a gap"),
            ({"pattern": "a?X"}, r"(?s)matches nothing that the model can write.*never seen"),
            ({"pattern": ""}, "pattern"),
            ({"words": " , "}, "list of words is empty"),
            ({"words": ""}, "words"),
            ({"words": "red,blue", "pattern": ".{9}"}, "None of the words matches"),
            ({"pattern": "a", "sampler": "dyadic"}, r"(?s)sampler.*with a constraint"),
            ({"pattern": "a", "particles": 0}, "particles cannot be 0"),
            ({"pattern": "a", "particles": 5000}, "particles cannot be 5,000"),
            ({"pattern": "[a-z]{30}"}, r"(?s)fits into gap 1.*room for 24 tokens"),
        ],
    )
    def test_bad_constraints(
        self, model: TokenModel, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(SettingError, match=message):
            filled(model, "the ____ sea", **options)

    def test_words_that_were_never_seen(self, model: TokenModel) -> None:
        message = r"'X' \(U\+0058\), which is in the word 'seaX'"
        with pytest.raises(DataError, match=message):
            filled(model, "the ____ sea", words="blue,seaX")

    def test_a_file_that_is_not_there(self, model: TokenModel) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            filled(model, "the ____ sea", words="@nowhere.txt")

    def test_a_large_file(self, model: TokenModel, tmp_path: Path) -> None:
        file = tmp_path / "large.txt"
        file.write_bytes(b"sea\n" * (1 << 18) + b"a")
        with pytest.raises(DataError, match="larger than 1 MiB"):
            filled(model, "the ____ sea", words=f"@{file}")

    def test_before_the_model_is_evaluated(
        self, model: TokenModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def evaluated(*args: object, **cond: object) -> None:
            raise AssertionError("the model was evaluated")

        monkeypatch.setattr(type(model.denoiser), "forward", evaluated)
        for options in ({"pattern": "["}, {"words": "green", "length": 2}, {"pattern": "b{40}"}):
            with pytest.raises(SettingError):
                filled(model, "the ____ sea", **options)
