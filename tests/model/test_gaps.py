"""Gaps of a text: their lengths, the tokens beside them, and fillings that are text."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from sfumato.errors import SettingError
from sfumato.media.text.tokenizer import BPETokenizer
from sfumato.media.text.tokens import ByteTokenizer, CharacterTokenizer
from sfumato.model.edges import Edge, cut
from sfumato.model.gaps import gap_rows
from sfumato.model.options import FillOptions, SampleOptions
from sfumato.model.provenance import Made
from sfumato.model.tokens import TokenModel
from sfumato.run import Run
from sfumato.sampling.tokens.automata import of_pattern, of_words
from sfumato.training.train import planned, train
from sfumato.verbs.fill import Filled, fill
from tests.media_runs import TINY_TEXT

WORDS = [
    "Anna eats red apples at home.",
    "Bob likes green pears in town.",
    "Cléo voit des étoiles.",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenModel]:
    """Runs of one step: pieces of words on short lines, and bytes on one long Chinese text."""
    root = tmp_path_factory.mktemp("gaps")
    lines, long = root / "lines.txt", root / "long.txt"
    lines.write_text("\n".join(WORDS * 40), encoding="utf-8")
    source = random.Random(3)
    long.write_text("".join(source.choices("的一是不", k=3000)), encoding="utf-8")
    found = {}
    for name, recipe, data, changes in (
        ("pieces", "text-bpe", lines, ("medium.split=line", "medium.vocabulary=330")),
        ("bytes", "text", long, ("medium.tokens=bytes",)),
        ("short", "text", lines, ("medium.split=line", "medium.context=64")),
    ):
        plan = planned(recipe, steps=1, changes=(*TINY_TEXT, *changes))
        for _ in train(data, plan, name, root / "runs"):
            pass
        model = Run.open(root / "runs" / name).model
        assert isinstance(model, TokenModel)
        found[name] = model
    return found


def filled(model: TokenModel, text: str, **options: object) -> list[Filled]:
    return fill(model, text, FillOptions(**{"candidates": 12, "n": 12, **options}))


class TestEdges:
    PIECES = (b"a", b" ", b" red", b" re", b"d", b"reading", b"ing")

    def test_a_space_can_become_a_word(self) -> None:
        edge = Edge.of(self.PIECES, 1, at_start=True)
        assert edge is not None
        assert np.flatnonzero(edge.fits).tolist() == [1, 2, 3]
        assert np.flatnonzero(edge.longer).tolist() == [2, 3]

    def test_an_ending_can_become_a_word(self) -> None:
        edge = Edge.of(self.PIECES, 6, at_start=False)
        assert edge is not None
        assert np.flatnonzero(edge.fits).tolist() == [5, 6]

    def test_a_token_that_can_become_no_other_stays(self) -> None:
        assert Edge.of(self.PIECES, 4, at_start=True) is None
        assert Edge.of(self.PIECES, 5, at_start=False) is None

    @pytest.mark.parametrize("tokenizer", [ByteTokenizer(), CharacterTokenizer(" abdeginr")])
    def test_whole_characters_have_none(self, tokenizer: ByteTokenizer) -> None:
        parts, gaps = cut(tokenizer, ["an ", " ing"])
        assert [len(part) for part in parts] == [3, 4]
        assert gaps[0][:3] == (None, None, None)

    def test_pieces_of_words(self) -> None:
        tokenizer = BPETokenizer.learn([" ".join(WORDS)] * 20, 330)
        [before, _], [gap] = cut(tokenizer, ["Anna eats ", " at home."])
        assert tokenizer.decode(before) == "Anna eats"
        assert gap.before is not None
        assert gap.before.data == b" "
        # A single space between two gaps belongs to the second.
        parts, gaps = cut(tokenizer, ["Anna eats ", " ", " at home."])
        assert gaps[0].after is None
        assert gaps[1].before is not None
        assert len(parts[1]) == 0


class TestPieces:
    TEXTS = (
        "Anna eats ____ at home.", "Anna eats____ at home.", "Anna ea____ at home.", "____",
        "Anna eats red ap____", "____ples at home.", "Anna ____ ____ home.", "Cl____o voit",
        "Anna eats red____les at home.", "x____y", "____ é ____", "Anna\n____\n",
    )  # fmt: skip

    @pytest.mark.parametrize("text", TEXTS)
    def test_what_is_given_stays(self, models: dict[str, TokenModel], text: str) -> None:
        given = text.split("____")
        for one in filled(models["pieces"], text):
            woven = [part for pair in zip(given, (*one.gaps, ""), strict=True) for part in pair]
            assert one.text == "".join(woven)
            assert "\ufffd" not in one.text
            assert all(one.gaps)
            assert tuple(one.text[begin:end] for begin, end in one.spans) == one.gaps

    def test_a_word_after_a_space_is_found_as_one_token(
        self, models: dict[str, TokenModel]
    ) -> None:
        """The tokens of a filled text are those that it has as a whole, where words are known."""
        model = models["pieces"]
        rows = gap_rows(model, ["Anna eats ", " at home."], None, 12, 0)
        assert rows.language is not None
        red = int(model.tokenizer.encode(" red")[0])
        assert len(model.tokenizer.encode(" red")) == 1
        begin = rows.spans[0][0][0]
        assert rows.language.allowed[rows.language.choice[0, begin], red]
        assert not rows.language.allowed[rows.language.choice[0, begin], red - 1]

    def test_a_requested_length_is_that_of_the_filling(self, models: dict[str, TokenModel]) -> None:
        rows = gap_rows(models["pieces"], ["Anna eats ", " at home."], (2, 2), 4, 0)
        [given] = {gap.given for gap in rows.gaps}
        assert {end - begin for [(begin, end)] in rows.spans} == {2 + given}


class TestBytes:
    @pytest.mark.parametrize(
        "text", ["的一____不的", "____", "的____", "____的", "的____一____不", "a____é____"]
    )
    def test_fillings_are_characters(self, models: dict[str, TokenModel], text: str) -> None:
        given = text.split("____")
        for one in filled(models["bytes"], text, temperature=2.0):
            assert "\ufffd" not in one.text
            assert all(part in one.text for part in given)
            one.text.encode()

    def test_without_chance_too(self, models: dict[str, TokenModel]) -> None:
        for options in ({"temperature": 1e-6}, {"top_p": 1e-9}, {"sampler": "dyadic"}):
            for one in filled(models["bytes"], "的一____不的", **options):
                assert "\ufffd" not in one.text

    @pytest.mark.parametrize("length", [None, 1, 2, 3, 31, 40, 100])
    def test_samples_are_characters(
        self, models: dict[str, TokenModel], length: int | None
    ) -> None:
        request = models["bytes"].request(SampleOptions(n=6, length=length, temperature=3.0))
        [texts] = [each.items for each in models["bytes"].sample(request) if isinstance(each, Made)]
        assert all(texts)
        assert not any("\ufffd" in text for text in texts)
        size = length or models["bytes"].spec.data.longest
        assert all(size - 3 <= len(text.encode()) <= size for text in texts)

    def test_samples_do_not_depend_on_the_batch(self, models: dict[str, TokenModel]) -> None:
        model = models["bytes"]
        texts = []
        for batch in (1, 5):
            request = model.request(SampleOptions(n=5, batch=batch, temperature=3.0))
            texts.append(
                [text for each in model.sample(request) if isinstance(each, Made)
                 for text in each.items]
            )  # fmt: skip
        assert texts[0] == texts[1]


class TestConstraints:
    """Every filling satisfies its constraint, whatever the tokens are."""

    CASES = (
        ("Anna eats ____ apples", r"[a-z]{2,9}"),
        ("Anna eats____at home.", r" \w+ | ?[^a-z]"),
        ("Anna ea____ at home.", r"ts [a-zé]+"),
        ("____", r"[A-Z][a-z]+( [a-z]+){1,2}\\."),
        ("Anna ____ ____ home.", r"\w{3,}"),
        ("Cl____o voit", "[é的]{1,2}"),
        ("Anna eats red____les at home.", " app| p?p"),
        ("____ples at home.", r"(\w+ )+ap"),
        ("Anna eats red ap____", "(ples|ricots)( .*)?"),
    )

    @pytest.mark.parametrize(("text", "pattern"), CASES)
    @pytest.mark.parametrize("name", ["pieces", "bytes"])
    def test_patterns(
        self, models: dict[str, TokenModel], name: str, text: str, pattern: str
    ) -> None:
        given = text.split("____")
        results = filled(models[name], text, pattern=pattern, particles=2, candidates=4, n=4)
        assert results
        for one in results:
            woven = [part for pair in zip(given, (*one.gaps, ""), strict=True) for part in pair]
            assert one.text == "".join(woven)
            for gap in one.gaps:
                assert re.fullmatch(pattern, gap), (pattern, gap)

    def test_a_word_can_be_one_token_with_the_space_before_it(
        self, models: dict[str, TokenModel]
    ) -> None:
        model = models["pieces"]
        [[red]] = [model.tokenizer.encode(" red")]
        only = {"words": "red", "length": 1, "particles": 1, "candidates": 2, "n": 2}
        [one] = filled(model, "Anna eats ____ apples", **only)
        assert one.gaps == ("red",)
        rows = gap_rows(model, ["Anna eats ", " apples"], None, 8, 0, [of_words(["red"])])
        assert rows.accepted is not None
        begin = rows.spans[0][0][0]
        table = rows.accepted.tables[rows.accepted.choice[0, begin]]
        assert (table.drawn[red] != table.dead).any()

    def test_lengths_are_those_of_the_language(self, models: dict[str, TokenModel]) -> None:
        automaton = of_pattern("(的){3}|(的){5}")
        for length, sizes in ((None, {9, 15}), ((1, 30), {9, 15}), ((2, 14), {9})):
            rows = gap_rows(models["bytes"], ["的", "不"], length, 16, 0, [automaton])
            assert {end - begin for [(begin, end)] in rows.spans} == sizes
        # Of many lengths a gap has a usual one, or one of the next.
        for pattern, sizes in (("的+", {3, 6, 9, 12}), ("的{5}(的)+", {18, 21, 24})):
            rows = gap_rows(models["bytes"], ["的", "不"], None, 32, 0, [of_pattern(pattern)])
            assert {end - begin for [(begin, end)] in rows.spans} == sizes

    def test_gaps_at_the_ends_make_texts_as_long_as_those_of_the_data(
        self, models: dict[str, TokenModel]
    ) -> None:
        model, lengths = models["short"], {len(word) for word in WORDS}
        for text, pattern in (("Anna eats ____", "[a-z. ]+"), ("____ red ____", "[a-zA-Z. ]+")):
            for one in filled(model, text, pattern=pattern, particles=1, candidates=6, n=6):
                assert len(one.text) in lengths
        # Where no such length is allowed, it has a usual one, or the next.
        for pattern, sizes in (("x?[a-z]{2}", {2}), ("[a-z]{14}", {14})):
            for one in filled(model, "Anna ____", pattern=pattern, particles=1, candidates=4, n=4):
                assert len(one.gaps[0]) in sizes

    def test_impossible_lengths_say_which_are_possible(self, models: dict[str, TokenModel]) -> None:
        message = r"(?s)No filling of 1 to 8 tokens.*gap 1 can have 9, 15 tokens.*--length 9"
        with pytest.raises(SettingError, match=message):
            filled(models["bytes"], "的____", pattern="(的){3}|(的){5}", length="1-8")
        with pytest.raises(SettingError, match=r"(?s)fits into gap 1.*room for 56 tokens"):
            filled(models["short"], "Anna eat____", pattern="[a-z]{57,60}")


class TestEnds:
    def test_a_text_is_as_long_as_one_of_the_data(self, models: dict[str, TokenModel]) -> None:
        lengths = {len(word) for word in WORDS}
        assert models["short"].spec.data.longest == max(lengths)
        for text in ("Anna eats ____", "____ home.", "____", "____ red ____"):
            found = {len(one.text) for one in filled(models["short"], text)}
            assert found <= lengths

    def test_one_that_is_longer_already_has_a_short_gap(
        self, models: dict[str, TokenModel]
    ) -> None:
        text = "Anna eats red apples at home in town. ____"
        assert all(1 <= len(one.gaps[0]) <= 12 for one in filled(models["short"], text))

    def test_white_space_at_an_end_stays_there(self, models: dict[str, TokenModel]) -> None:
        for one in filled(models["short"], " ____ "):
            assert one.text.startswith(" ") and one.text.endswith(" ")
            assert len(one.text) in {len(word) for word in WORDS}

    def test_a_gap_beyond_all_data_is_refused(self, models: dict[str, TokenModel]) -> None:
        with pytest.raises(SettingError, match=r"(?s)length cannot be 50.*30 tokens long"):
            filled(models["short"], "Anna ____", length=(1, 50))
