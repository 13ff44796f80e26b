"""Filling gaps: what is given stays, and the rest is found, ranked and found again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sfumato.errors import DataError, RunError, SettingError
from sfumato.likelihood import order_likelihood
from sfumato.model.options import FillOptions
from sfumato.model.tokens import TokenModel
from sfumato.run import open_run
from sfumato.sampling.tokens import TOKEN_SAMPLERS
from sfumato.verbs.fill import Filled, as_json, fill, fill_text

Runs = Callable[..., Path]


@pytest.fixture(scope="module")
def words(finished_texts: Path) -> TokenModel:
    model = open_run(finished_texts / "prose").model
    assert isinstance(model, TokenModel)
    return model


@pytest.fixture(scope="module")
def digits(finished_texts: Path) -> TokenModel:
    model = open_run(finished_texts / "labelled").model
    assert isinstance(model, TokenModel)
    return model


def filled(model: TokenModel, text: str, **options: Any) -> list[Filled]:
    return fill(model, text, FillOptions(**{"candidates": 8, **options}))


CASES = {
    "within": "the sea ____ blue",
    "at the beginning": "____ is blue",
    "at the end": "the sea is ____",
    "at both ends": "____ sea ____",
    "several": "the ____ is ____ and green",
    "side by side": "the____;____sea",
    "nothing but": "____",
    "as long as it likes": "the ___________ sea",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_what_is_given_stays_and_gaps_are_as_long_as_asked(words: TokenModel, text: str) -> None:
    pieces = re.split("_{4,}", text)
    results = filled(words, text, length=(2, 4), n=8)
    assert results
    for one in results:
        assert len(one.gaps) == len(pieces) - 1
        woven = [part for pair in zip(pieces, (*one.gaps, ""), strict=True) for part in pair]
        assert one.text == "".join(woven)
        assert all(2 <= len(gap) <= 4 for gap in one.gaps)
        assert math.isfinite(one.bits) and one.bits > 0


def test_spans_are_where_the_gaps_are(words: TokenModel) -> None:
    for one in filled(words, "the ____ ____ sea", length=(1, 3)):
        assert tuple(one.text[begin:end] for begin, end in one.spans) == one.gaps
        assert one.spans[0][0] == 4
        assert one.spans[1][0] == one.spans[0][1] + 1


def test_white_space_between_two_gaps_is_no_end(words: TokenModel) -> None:
    """Gaps between words are tried at many lengths, those at an end at the longest alone."""
    results = filled(words, "sea ____ ____ blue", n=8)
    assert len({len(gap) for one in results for gap in one.gaps}) > 2


def test_candidates_differ_and_the_likeliest_come_first(words: TokenModel) -> None:
    results = filled(words, "the ____ sea", n=8)
    assert len(results) == len({one.text for one in results}) == 8
    assert [one.bits for one in results] == sorted(one.bits for one in results)
    # Fewer are the first of them.
    assert filled(words, "the ____ sea", n=3) == results[:3]


def test_all_lengths_of_a_range_are_tried(words: TokenModel) -> None:
    results = filled(words, "the ____ sea", length=(1, 4), n=16, candidates=16)
    assert {len(one.gaps[0]) for one in results} == {1, 2, 3, 4}
    default = filled(words, "the ____ sea", n=24, candidates=24)
    assert {len(one.gaps[0]) for one in default} <= set(range(1, 13))
    assert len({len(one.gaps[0]) for one in default}) > 8


def test_it_is_a_function_of_the_seed(words: TokenModel) -> None:
    first = filled(words, "the ____ sea", seed=5)
    assert filled(words, "the ____ sea", seed=5) == first
    assert filled(words, "the ____ sea", seed=6) != first


def test_equal_candidates_are_shown_once(words: TokenModel) -> None:
    """A gap of one letter has no more fillings than there are letters."""
    results = filled(words, "the s____a", length=(1, 1), n=64, candidates=64)
    assert len(results) == len({one.text for one in results}) < words.tokenizer.size


@pytest.mark.parametrize("sampler", TOKEN_SAMPLERS)
def test_with_every_sampler(words: TokenModel, sampler: str) -> None:
    for one in filled(words, "the ____ is ____", sampler=sampler, length=(3, 5), steps=3):
        assert re.fullmatch(r"(?s)the .{3,5} is .{3,5}", one.text)


def test_bits_are_the_model_s_own_likelihood(words: TokenModel) -> None:
    """Of the filled tokens and four on either side, along the orders of the same seed."""
    (one,) = filled(words, "the sea ____ the sea", length=(3, 3), n=1, candidates=1, seed=2)
    x0 = torch.from_numpy(words.tokenizer.encode(one.text)).long()
    hidden = torch.zeros(len(x0), dtype=torch.bool)
    hidden[8 - 4 : 11 + 4] = True
    nats = order_likelihood(words.denoiser, x0, hidden, 2, 2)
    assert one.bits == pytest.approx(-nats.item() / math.log(2), rel=1e-5)


def test_the_unknown_is_never_drawn(finished_texts: Path) -> None:
    model = open_run(finished_texts / "prose").model
    assert isinstance(model, TokenModel)
    model.denoiser.backbone.head.bias[model.tokenizer.unknown] = 50.0
    for one in filled(model, "the ____ sea", temperature=2.0):
        assert "\ufffd" not in one.text


def test_a_cold_model_has_one_opinion(words: TokenModel) -> None:
    """With one length and no chance there is one filling, however many are tried."""
    cold = {"length": (4, 4), "temperature": 1e-6, "sampler": "dyadic"}
    assert len(filled(words, "the ____ sea", **cold)) == 1
    assert len(filled(words, "the ____ sea", top_p=1e-9, length=(4, 4), sampler="dyadic")) == 1


def test_another_marker(words: TokenModel) -> None:
    for marker in ("[?]", "X", "..."):
        (first, *_) = filled(words, f"the {marker} sea", marker=marker, length=(2, 2))
        assert re.fullmatch(r"(?s)the .. sea", first.text)
    # Then underscores are text, and this model has never seen them.
    with pytest.raises(DataError, match=r"'_' \(U\+005F\)"):
        filled(words, "the ____ X", marker="X")


class TestLabels:
    def test_they_matter_and_none_is_the_null_label(self, digits: TokenModel) -> None:
        text = {"text": "13____7", "length": (4, 4), "n": 8}
        plain = filled(digits, **text)
        odd = filled(digits, **text, label="odd")
        assert plain != odd
        assert filled(digits, **text, label="odd", scale=1e5) != odd
        # Without a label there is nothing to be guided to.
        assert filled(digits, **text, scale=1e5) == plain

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"label": "od"}, "did you mean 'odd'"), ({"scale": float("inf")}, "finite")],
    )
    def test_bad_ones_are_refused(
        self, digits: TokenModel, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(SettingError, match=message):
            filled(digits, "1____2", **options)

    def test_a_run_without_classes_takes_none(self, words: TokenModel) -> None:
        with pytest.raises(SettingError, match="without classes"):
            filled(words, "the ____", label="odd")


class TestRefusals:
    @pytest.mark.parametrize("text", ["the sea", "", "the ___ sea"])
    def test_no_gap(self, words: TokenModel, text: str) -> None:
        with pytest.raises(SettingError, match=r"(?s)no gap.*write ____"):
            filled(words, text)

    def test_too_long_says_by_how_much(self, words: TokenModel) -> None:
        message = r"(?s)33 tokens with its gaps.*sees 32.*30 tokens are fixed"
        with pytest.raises(DataError, match=message):
            filled(words, "the sea is ____ and green and blue", length=(3, 3))
        assert filled(words, "the sea is ____ and green and blue", length=(2, 2))

    def test_a_gap_at_the_end_takes_the_room_that_is_left(self, words: TokenModel) -> None:
        (first, *_) = filled(words, "sea ____")
        assert len(first.text) == 32
        with pytest.raises(DataError, match="33 tokens"):
            filled(words, "the sea is blue and green or so ____"[:31] + "e____")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("the ____ Sea", r"'S' \(U\+0053\).*line 1, column 10"),
            ("the ____\nsea Ω", r"'Ω' \(U\+03A9\).*line 2, column 5"),
            ("Ä____ Ö", r"'Ä' \(U\+00C4\) \(and 1 more\).*line 1, column 1"),
        ],
    )
    def test_a_character_never_seen_is_shown_with_its_place(
        self, words: TokenModel, text: str, message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            filled(words, text)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"n": 0}, "n cannot be 0"),
            ({"n": 9}, "candidates cannot be 8"),
            ({"candidates": 10**6}, "candidates cannot be"),
            ({"seed": -1}, "seed cannot be -1"),
            ({"steps": 0}, "steps cannot be 0"),
            ({"length": (0, 3)}, "length cannot be 0-3"),
            ({"length": (4, 3)}, "length cannot be 4-3"),
            ({"marker": ""}, "marker is empty"),
            ({"temperature": 0.0}, "temperature cannot be 0"),
            ({"top_p": 0.0}, "top_p cannot be 0"),
            ({"sampler": "ancestrl"}, "did you mean 'ancestral'"),
        ],
    )
    def test_values_out_of_range(
        self, words: TokenModel, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(SettingError, match=message):
            filled(words, "the ____ sea", **options)

    def test_a_uniform_run(self, finished_texts: Path) -> None:
        with pytest.raises(SettingError, match=r"(?s)cannot fill gaps.*process.kind=masking"):
            open_run(finished_texts / "uniform").fill("the ____ sea")

    def test_a_run_on_pictures(self, finished_runs: Path) -> None:
        with pytest.raises(RunError, match="it has to be one on text"):
            open_run(finished_runs / "plain").fill("the ____ sea")


class TestFromAFile:
    def filled(self, runs: Runs, content: bytes, **options: Any) -> list[Filled]:
        runs("prose")
        Path("gaps.txt").write_bytes(content)
        return fill_text("prose", None, Path("gaps.txt"), FillOptions(2, candidates=2, **options))

    def test_it_is_read_as_it_is(self, text_runs: Runs) -> None:
        results = self.filled(text_runs, b"\xef\xbb\xbfthe ____\r\nsea\n", length="3")
        assert all(re.fullmatch(r"(?s)the ...\nsea", one.text) for one in results)
        # One line feed at the end is that of the file; a second one is text.
        Path("gaps.txt").write_bytes(b"the ____\n\n")
        results = fill_text(
            "prose", None, Path("gaps.txt"), FillOptions(2, candidates=2, length="3")
        )
        assert all(re.fullmatch(r"(?s)the ...\n", one.text) for one in results)

    def test_bytes_that_are_no_text_are_named(self, text_runs: Runs) -> None:
        message = r"(?s)gaps\.txt' is not UTF-8.*byte 0xff in line 2, at byte 3 of the line"
        with pytest.raises(DataError, match=message):
            self.filled(text_runs, b"the ____\nse\xffa")

    def test_an_empty_file_has_no_gap(self, text_runs: Runs) -> None:
        with pytest.raises(SettingError, match="no gap"):
            self.filled(text_runs, b"")

    def test_a_large_file_is_not_read_through(self, text_runs: Runs) -> None:
        with pytest.raises(DataError, match="larger than 1 MiB"):
            self.filled(text_runs, b"a" * ((1 << 20) + 1))

    def test_one_that_is_not_there(self, text_runs: Runs) -> None:
        text_runs("prose")
        for place in ("nowhere.txt", "."):
            with pytest.raises(DataError, match="cannot be read"):
                fill_text("prose", None, Path(place), FillOptions())

    @pytest.mark.parametrize("length", ["x", "3-", "-3", "1-2-3", "", "1.5"])
    def test_a_length_that_is_none(self, text_runs: Runs, length: str) -> None:
        text_runs("prose")
        with pytest.raises(SettingError, match=r"length (cannot be|is empty)"):
            fill_text("prose", "the ____", None, FillOptions(length=length))

    def test_one_text_is_needed(self, text_runs: Runs) -> None:
        text_runs("prose")
        with pytest.raises(SettingError, match="none was given"):
            fill_text("prose", None, None, FillOptions())
        with pytest.raises(SettingError, match="both"):
            fill_text("prose", "", Path("gaps.txt"), FillOptions())


def test_as_plain_data(words: TokenModel) -> None:
    results = filled(words, "the ____ sea", n=2)
    plain_data = as_json(results)
    assert json.loads(json.dumps(plain_data, allow_nan=False)) == plain_data
    assert plain_data[0]["text"] == results[0].text
    assert set(plain_data[0]) == {"text", "gaps", "bits_per_token", "index"}
