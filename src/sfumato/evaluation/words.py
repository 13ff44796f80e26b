"""Whether samples agree with the words they were made from: the right caption is retrieved."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sfumato.catalogue import asset_here
from sfumato.conditioning.condition import Value
from sfumato.errors import DataError
from sfumato.evaluation.features import Features, evenly_spaced
from sfumato.evaluation.of.view import Samples, View
from sfumato.evaluation.real import Real
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.retrieval import AMONG, Alignment, Retrieval, retrieval
from sfumato.metrics.text_features import NgramFeatures, SentenceEmbedding
from sfumato.model.conditioned import words_name
from sfumato.process.rng import Stream, uniform
from sfumato.runs.progress import Progress

MOST = 256
"""At most this many samples are made from captions of held-out items, and of training items."""
_KEY, _TITLE = "agreement", "agreement with words"
# Other draws at this address are those of the division of real items, at step 1.
_SHUFFLE_STEP = 2
_ABOUT = (
    "How often the caption that a sample was made from ranks first among {among} different "
    "captions, by a joint embedding of {items} and {words} that was fitted to the training items "
    "and their captions. Chance is {chance:.1%}. The column 'real' is the same for real items: "
    "held-out items with their own captions, which is the most that can be expected of samples; "
    "training items that were left out of the fit; and held-out items with captions of others."
)


class Captioned(NamedTuple):
    """Some items of a set that have a caption.

    Attributes:
        places: Indices of the items in their set, int64, shape (n,).
        captions: Their captions, n strings; of an item with several captions the first one.
    """

    places: Tensor
    captions: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Mapping[str, Value]], name: str) -> Captioned:
        """The items that have a caption, among the items of these values of conditions."""
        found = [(place, _first(each.get(name))) for place, each in enumerate(values)]
        held = [(place, caption) for place, caption in found if caption]
        places = torch.tensor([place for place, _ in held], dtype=torch.int64)
        return cls(places, tuple(caption for _, caption in held))

    def some(self, most: int) -> Captioned:
        """At most ``most`` of them, evenly spaced."""
        chosen = evenly_spaced(len(self.captions), most)
        return Captioned(self.places[chosen], tuple(self.captions[at] for at in chosen.tolist()))


@dataclass(frozen=True)
class Judge:
    """Says which of some captions an item agrees with most.

    Attributes:
        number: Place of the extractor of items among those of the evaluation.
        name, identity: Name and identity of the extractors of items and of words together.
        words: Extractor of words.
        alignment: Joint embedding of the features of both.
    """

    number: int
    name: tuple[str, str]
    identity: str
    words: Extractor[Sequence[str]]
    alignment: Alignment

    def __call__(self, items: Tensor, captions: Sequence[str]) -> Retrieval:
        """Retrieve the caption of each item among all captions.

        Args:
            items: Features of n items by the extractor of items, shape (n, d).
            captions: The caption of each of them.
        """
        own, kinds = numbered(captions)
        return retrieval(self.alignment(items, self.words(kinds)), own)


@dataclass(frozen=True)
class Agreement:
    """How well samples agree with words.

    Attributes:
        sections: For the report; none for a run without words.
        prompts: Captions of held-out items that samples were made from.
        of_each: The probability that the caption of each of these samples is retrieved, float64,
            shape (n,); None if it was not measured.
        judge: What measured it; None if nothing could be fitted.
        samples: Features of these samples by the extractor of the judge, shape (n, d).
    """

    sections: tuple[Section, ...] = ()
    prompts: tuple[str, ...] = ()
    of_each: Tensor | None = None
    judge: Judge | None = None
    samples: Tensor | None = None


def agreement(
    view: View,
    extractors: Sequence[Extractor[Any]],
    features: Sequence[Features],
    real: Real[Any],
) -> Generator[Progress, None, Agreement]:
    """Measure the agreement of samples with words; yields progress.

    Args:
        view: The view of a model.
        extractors: Extractors of items.
        features: Features by each of them.
        real: The real items, with the values of their conditions.
    """
    name = words_name(view.model.spec)
    if name is None:
        return Agreement()
    known = Captioned.of(real.training_values, name)
    unseen = Captioned.of(real.held_out_values, name)
    yield Progress("aligning items and captions: training items", 0, len(known.captions))
    try:
        judge = fitted(features, known, texts_here())
    except DataError as error:
        figure = Figure("held_out", "captions of held-out items", None, flag=error.what)
        return Agreement((Section(_KEY, _TITLE, "It could not be measured.", (figure,)),))
    most = min(view.request.n, MOST)
    trained = {_plain(caption) for caption in known.captions}
    known, unseen = known.some(most), unseen.some(most)
    extract = extractors[judge.number]
    made: dict[str, Tensor] = {}
    for key, chosen in (("held_out", unseen), ("training", known)):
        if len(set(chosen.captions)) > 1:
            what = f"sampling from captions of {key.replace('_', '-')} items"
            samples = yield from of_prompts(view, chosen.captions, what)
            made[key] = extract(view.prepare(samples.items))
    held_out = features[judge.number].held_out[unseen.places]
    seen = sum(_plain(caption) in trained for caption in unseen.captions)
    figures = tuple(_figures(judge, made, held_out, (unseen, known), seen, view.options.seed))
    about = _ABOUT.format(among=AMONG, items=judge.name[0], words=judge.name[1], chance=1 / AMONG)
    section = Section(_KEY, _TITLE, about, figures, judge.identity)
    if "held_out" not in made:
        return Agreement((section,), judge=judge)
    of_each = judge(made["held_out"], unseen.captions).of_each
    return Agreement((section,), unseen.captions, of_each, judge, made["held_out"])


def texts_here() -> list[Extractor[Sequence[str]]]:
    """N-grams, and the sentence embedding if it was fetched before."""
    folder = asset_here(SentenceEmbedding.name)
    usable = folder is not None and importlib.util.find_spec("tokenizers") is not None
    trained = [SentenceEmbedding(folder)] if folder is not None and usable else []
    return [NgramFeatures(), *trained]


def fitted(
    features: Sequence[Features], known: Captioned, texts: Sequence[Extractor[Sequence[str]]]
) -> Judge:
    """The joint embedding that retrieves best for training items that were left out of its fit.

    Args:
        features: Features of the real items by each extractor of items.
        known: The training items with captions.
        texts: Extractors of words.

    Raises:
        DataError: There are too few different captions, or nothing that differs.
    """
    own, kinds = numbered(known.captions)
    best: Judge | None = None
    for text in texts:
        words = text(kinds)[own]
        for number, one in enumerate(features):
            alignment = Alignment.fit(one.training[known.places], words, own)
            if best is None or alignment.left_out > best.alignment.left_out:
                identity = f"{one.identity} {text.identity}"
                best = Judge(number, (one.name, text.name), identity, text, alignment)
    if best is None:
        raise DataError("There are no features to align with captions.")
    return best


def numbered(captions: Sequence[str]) -> tuple[Tensor, tuple[str, ...]]:
    """Number captions, whatever their case and spaces: equal ones get the same number.

    Returns:
        The number of each, int64, shape (n,), and a caption of each number.
    """
    kinds: dict[str, tuple[int, str]] = {}
    own = [kinds.setdefault(_plain(one), (len(kinds), one))[0] for one in captions]
    return torch.tensor(own, dtype=torch.int64), tuple(one for _, one in kinds.values())


def of_prompts(
    view: View, prompts: Sequence[str], what: str, **changes: Any
) -> Generator[Progress, None, Samples]:
    """Make a sample from each prompt; all other options are those of the evaluation.

    Args:
        view: The view of a model of words.
        prompts: Sample ``i`` is made from prompt ``i``.
        what: Name of the work in the progress.
        changes: Options of sampling to change.
    """
    values = {"label": None, "prompts": tuple(prompts), **changes}
    request = view.request_of(len(prompts), **values)
    return (yield from view.sample(request, what))


def shuffled(captions: Sequence[str], seed: int) -> tuple[Tensor, tuple[str, ...]]:
    """Give each item the caption of another item, and leave out those that get an equal one.

    Returns:
        Indices of the items, int64, shape (k,), k <= n, and their wrong captions.
    """
    count = len(captions)
    order = uniform(seed, Stream.DIVISION, range(1), (count,), step=_SHUFFLE_STEP)[0].argsort()
    wrong = [""] * count
    for place, other in zip(order.tolist(), order.roll(1).tolist(), strict=True):
        wrong[place] = captions[other]
    kept = [at for at in range(count) if _plain(wrong[at]) != _plain(captions[at])]
    return torch.tensor(kept, dtype=torch.int64), tuple(wrong[at] for at in kept)


def _figures(
    judge: Judge,
    made: Mapping[str, Tensor],
    held_out: Tensor,
    sets: tuple[Captioned, Captioned],
    seen: int,
    seed: int,
) -> Iterator[Figure]:
    """Figures of samples beside real items.

    Args:
        judge: Retrieves captions.
        made: Features of the samples from captions of held-out items, and of training items.
        held_out: Features of the held-out items with these captions.
        sets: The held-out items, and the training items.
        seen: How many captions of the held-out items are those of training items, too.
        seed: Seed of the shuffled captions.
    """
    unseen, known = sets
    title = "captions of held-out items"
    if "held_out" in made:
        real = judge(held_out, unseen.captions)
        found = judge(made["held_out"], unseen.captions)
        yield _figure("held_out", title, found, real.share, _flag(found, seen))
    else:
        why = "fewer than two different captions were held out"
        yield Figure("held_out", title, None, n=(len(unseen.captions),), flag=why)
    if "training" in made:
        found = judge(made["training"], known.captions)
        real_share = judge.alignment.left_out if judge.alignment.among >= found.among else None
        yield _figure("training", "captions of training items", found, real_share)
    if "held_out" in made:
        places, wrong = shuffled(unseen.captions, seed)
        if len(set(wrong)) > 1:
            real = judge(held_out[places], wrong)
            found = judge(made["held_out"][places], wrong)
            yield _figure("shuffled", "captions of other items", found, real.share)


def _figure(
    key: str, title: str, found: Retrieval, real: float | None, flag: str | None = None
) -> Figure:
    n = (len(found.of_each),)
    return Figure(key, title, found.share, found.low, found.high, real, n, ".1%", flag)


def _flag(found: Retrieval, seen: int) -> str | None:
    """What makes the agreement with captions of held-out items easier than it should be."""
    if found.among < AMONG:
        return f"there are only {found.among} different captions, so chance is higher"
    return f"{seen} of the {len(found.of_each)} captions occur in training, too" if seen else None


def _first(value: Value | None) -> str:
    if isinstance(value, tuple):
        value = value[0] if value else None
    return "" if value is None else str(value).strip()


def _plain(caption: str) -> str:
    return " ".join(caption.casefold().split())
