from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from sfumato.conditioning.encoders import ENCODERS, Learned, MiniLM
from sfumato.nets.inputs import StateInput, TokenInput

CAPTIONS = ["a red kite", "a red bird", "a kite"]


class TestLearned:
    def test_it_is_settled_once(self) -> None:
        encoder = Learned().settled(CAPTIONS)
        assert encoder.vocabulary[:3] == ("a", "kite", "red")
        assert encoder.settled(["other words"]) == encoder

    def test_the_length_is_that_of_the_captions_within_limits(self) -> None:
        # Prompts may be longer than short captions are.
        assert Learned().settled(CAPTIONS).length == 16
        assert Learned().settled([]).length == 16
        assert Learned().settled(["a " * 20] * 5).length == 20
        assert Learned().settled(["a " * 500] * 5).length == 64
        assert Learned(length=7).settled(CAPTIONS).length == 7

    def test_one_long_caption_among_hundreds_does_not_count(self) -> None:
        assert Learned().settled([*["a b c d e " * 4] * 300, "a " * 60]).length == 20

    def test_rows_end_in_zeros(self) -> None:
        encoder = Learned(length=5).settled(CAPTIONS)
        rows = encoder.rows(["a red kite", "", "a kite red kite a kite"], None)
        assert rows.shape == (3, 5)
        assert rows.dtype == torch.int64
        assert [(row > 0).sum().item() for row in rows] == [3, 0, 5]
        assert rows[0, 0] == rows[2, 0]

    def test_rows_fit_the_input(self) -> None:
        encoder = Learned(width=16, heads=2, depth=3).settled(CAPTIONS)
        found = encoder.input()
        assert found == TokenInput(257 + len(encoder.vocabulary), 16, 16, 3, 2)
        assert encoder.rows(["\N{BIRD}"], None).max() < found.size

    def test_what_is_cut_is_known(self) -> None:
        encoder = Learned(length=3).settled(CAPTIONS)
        assert encoder.first("a red kite") is None
        assert encoder.first("a red kite a bird") == "a red kite"

    def test_captions_without_words_settle_too(self) -> None:
        encoder = Learned().settled(["", "  "])
        assert encoder.vocabulary == ()
        assert not encoder.rows([""], None).any()


class TestMiniLM:
    def test_states_come_from_the_source(self) -> None:
        seen: list[str] = []

        def source(texts: Sequence[str]) -> Tensor:
            seen.extend(texts)
            return torch.ones(len(texts), 6, 384)

        rows = MiniLM(length=6).rows(["a kite", "", " ", "a bird"], source)
        assert seen == ["a kite", "a bird"]
        assert rows.flatten(1).any(1).tolist() == [True, False, False, True]

    def test_unknown_words_need_no_source(self) -> None:
        assert MiniLM(length=6).rows(["", " "], None).shape == (2, 6, 384)
        with pytest.raises(ValueError, match="has not been loaded"):
            MiniLM(length=6).rows(["a kite"], None)

    def test_nothing_depends_on_captions(self) -> None:
        assert MiniLM().settled(CAPTIONS) == MiniLM()
        assert MiniLM(length=9).input() == StateInput(384, 9)

    def test_a_word_is_a_token_at_least(self) -> None:
        assert MiniLM(length=4).first("red kite") is None
        assert MiniLM(length=4).first("a red kite") == "a red"


def test_encoders_are_found_by_their_kind() -> None:
    assert {*ENCODERS} == {"learned", "minilm"}


@pytest.mark.parametrize("change", [{"length": 0}, {"width": 12}, {"heads": 0}, {"words": -1}])
def test_settings_have_limits(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Learned(**change)  # type: ignore[arg-type]
