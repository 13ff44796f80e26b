from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.evaluation import captions
from sfumato.evaluation.captions import Captioned, Judge, plain, shuffled
from sfumato.evaluation.features import Features
from sfumato.metrics.text_features import NgramFeatures


@pytest.fixture(scope="module", autouse=True)
def _without_assets() -> Iterator[None]:
    """The figures do not depend on what was fetched before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captions, "asset_here", lambda name: None)
        yield


WORDS = ("red", "blue", "green", "small", "large", "round", "square", "thin")


def caption_of(number: int) -> str:
    """A caption of the bits of a number: the words whose bit is set."""
    return " ".join(word for bit, word in enumerate(WORDS) if number >> bit & 1)


def items_of(numbers: Tensor, seed: int) -> Tensor:
    """Features in which each word of the caption is a direction of its own, with little noise."""
    bits = torch.stack([(numbers >> bit & 1).float() for bit in range(len(WORDS))], 1)
    maps = torch.randn(len(WORDS), 16, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(len(numbers), 16, generator=torch.Generator().manual_seed(seed))
    return bits @ maps + 0.01 * noise


def features(training: Tensor, held_out: Tensor) -> Features:
    real = items_of(training, 1), items_of(held_out, 2)
    return Features("made up", "0" * 16, torch.zeros(0, 16), *real)


def known(numbers: Tensor) -> Captioned:
    values = [{"words": caption_of(number)} for number in numbers.tolist()]
    return Captioned.of(values, "words")


@pytest.fixture(scope="module")
def judge(_without_assets: None) -> tuple[Judge, Tensor]:
    """A judge, and the numbers of the captions that it has not seen."""
    numbers = torch.arange(1, 241)
    unseen = numbers[numbers % 4 == 0]
    training = numbers[numbers % 4 != 0]
    found = Judge.fit(
        [features(training, unseen)], known(training), tuple(map(str, training.tolist())), 0
    )
    return found, unseen


def test_first_captions_of_items_that_have_one() -> None:
    values = [{"words": ("a cat", "cat")}, {"price": 2.0}, {"words": " "}, {"words": "a dog"}]
    found = Captioned.of(values, "words")
    assert found.places.tolist() == [0, 3]
    assert found.captions == ("a cat", "a dog")
    assert found.some(1).captions == ("a cat",)
    assert Captioned.of([], "words").some(4).captions == ()


def test_captions_differ_whatever_their_case() -> None:
    assert plain(" A  Cat\n") == "a cat"
    found = Captioned.of([{"words": "A cat"}, {"words": "a  cat"}, {"words": "a dog"}], "words")
    assert found.different == 2


def test_groups_of_others_are_left_out() -> None:
    every = Captioned.of([{"words": f"caption {number}"} for number in range(6)], "words")
    left = every.without(("a", "b", "a", "c", "d", "b"), every.at(torch.tensor([2])))
    assert left.places.tolist() == [1, 3, 4, 5]


def test_real_items_in_the_place_of_samples_reach_the_ceiling(judge: tuple[Judge, Tensor]) -> None:
    found, unseen = judge
    texts = known(unseen).captions
    again = found(items_of(unseen, 7), texts)
    assert again.share > 0.9
    assert found(items_of(unseen, 2), texts).share == pytest.approx(again.share, abs=0.05)


def test_items_of_other_captions_reach_chance(judge: tuple[Judge, Tensor]) -> None:
    found, unseen = judge
    texts = known(unseen).captions
    order = torch.randperm(len(unseen), generator=torch.Generator().manual_seed(3))
    chance = found(items_of(unseen[order], 7), texts)
    assert chance.low < 1 / 16 < chance.high
    noise = torch.randn(len(unseen), 16, generator=torch.Generator().manual_seed(4))
    chance = found(noise, texts)
    assert chance.low < 1 / 16 < chance.high


def test_shuffled_captions_are_those_of_others() -> None:
    texts = ("a", "b", "A", "c", "d", "e")
    places, wrong = shuffled(texts, 0)
    assert all(
        plain(texts[at]) != plain(one) for at, one in zip(places.tolist(), wrong, strict=True)
    )
    assert len(places) >= 4
    assert shuffled(texts, 0)[1] == wrong
    assert len(shuffled(("a", "a", "A"), 0)[0]) == 0
    assert len(shuffled((), 0)[0]) == 0


def test_too_few_captions() -> None:
    few = torch.arange(1, 4)
    with pytest.raises(DataError):
        Judge.fit([features(few, few)], known(few), ("a", "b", "c"), 0)


def test_the_judge_names_its_extractors(judge: tuple[Judge, Tensor]) -> None:
    found, _ = judge
    assert (found.items, found.words.name) == ("made up", NgramFeatures.name)
    assert found.identity == f"{'0' * 16} {NgramFeatures.identity}"
