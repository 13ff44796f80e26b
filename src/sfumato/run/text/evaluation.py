"""Evaluating a model of text: how likely it finds real text, and what its own is like."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import sfumato
from sfumato.metrics.molecules import Molecules, canonical
from sfumato.run.measuring import Measuring
from sfumato.run.reopened import reopened
from sfumato.run.text.data import TextData
from sfumato.run.text.likelihoods import Bits, bits_of
from sfumato.run.text.quality import Quality, molecules_of, quality_of
from sfumato.run.text.real import corpus, matched, pieces_of
from sfumato.run.text.sampling import MadeTexts, TextModel, TextRequest
from sfumato.run.trained import LAST, require_within

_FORMAT = 1
_FEW = 32
_MOST = 1_000_000
_MOLECULES = "molecules"


@dataclass(frozen=True)
class Evaluation:
    """What to measure.

    Attributes:
        n: Texts that are sampled.
        rows: Rows of held-out text, and of training text, whose likelihood is measured, at most.
        draws: Times and noises per row.
        seed: Of all that is drawn.
        steps: Network evaluations per text; None takes the run's default.
        sampler: The rule for one step; None takes the run's default.
        temperature: Below 1 = safer tokens, 1 = off; None takes the run's default.
        top_p: Draw from the likeliest tokens that make up this share, 1 = off; None takes the
            run's default.
        molecules: Measure the samples as SMILES strings; done anyway where they were learnt from
            the catalogue's molecules and rdkit is there.
    """

    n: int = 64
    rows: int = 512
    draws: int = 8
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    molecules: bool = False


@dataclass(frozen=True)
class Likelihood:
    """Bits of text that was held out and of text that was trained on.

    Attributes:
        conditional: Whether the model was told the label of every text.
        draws: Times and noises per row.
        held_out: None if nothing was held out.
        training: The same for text that was trained on.
        gap: Bits per character that held-out text takes more: over-fitting; None if nothing was
            held out.
    """

    conditional: bool
    draws: int
    held_out: Bits | None
    training: Bits
    gap: float | None


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        run: Name of the run.
        model: Fingerprint of its weights.
        data: Source of its data.
        process: Kind of its process.
        seed: Of all that was drawn.
        likelihood: Of real text.
        sampling: How the texts were sampled.
        quality: Of the samples.
        molecules: Of the samples; None if they are none.
        notes: What to bear in mind.
    """

    run: str
    model: str
    data: str
    process: str
    seed: int
    likelihood: Likelihood
    sampling: dict[str, Any]
    quality: Quality
    molecules: Molecules | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"format": _FORMAT, "sfumato": sfumato.__version__, **asdict(self)}


def evaluate(model: TextModel, asked: Evaluation) -> Iterator[Measuring | Report]:
    """Evaluate a model; yields progress, and at last the report.

    The report is a function of the weights, the data and what is asked.

    Raises:
        SettingError: A value is out of range.
        DataError: The data are gone.
        RunError: They are not what the run began with.
        MissingExtra: Molecules are asked for and rdkit is not installed.
    """
    require_within("n", asked.n, 1, _MOST)
    require_within("rows", asked.rows, 1, _MOST)
    require_within("draws", asked.draws, 1, _MOST)
    require_within("seed", asked.seed, 0, LAST)
    request = model.request(
        asked.n,
        seed=asked.seed,
        steps=asked.steps,
        sampler=asked.sampler,
        temperature=asked.temperature,
        top_p=asked.top_p,
    )
    if asked.molecules:
        canonical([])  # Better to miss the package now than after minutes.
    data = yield from reopened(model.directory, model.spec, TextData)
    likelihood = yield from _likelihood(model, data, asked)
    samples = yield from _samples(model, request)
    chemical = model.spec.data.catalogued and model.spec.data.source == _MOLECULES
    yield Measuring("comparing with real text: samples", 0, request.n)
    lengths = model.lengths(request, range(request.n))
    quality = _quality(model, data, samples, lengths, words=not (chemical or asked.molecules))
    molecules = None
    if asked.molecules or (chemical and _has_rdkit()):
        yield Measuring("reading molecules", 0, request.n)
        molecules = molecules_of(samples, corpus(data.library, 0), chemical)
    yield Report(
        run=model.directory.name,
        model=model.fingerprint,
        data=model.spec.data.source,
        process=model.spec.text.process.kind,
        seed=asked.seed,
        likelihood=likelihood,
        sampling=_sampling(request),
        quality=quality,
        molecules=molecules,
        notes=tuple(_notes(likelihood, quality, chemical and molecules is None)),
    )


def _likelihood(
    model: TextModel, data: TextData, asked: Evaluation
) -> Generator[Measuring, None, Likelihood]:
    measured = partial(
        bits_of,
        model.denoiser,
        tokenizer=data.tokenizer,
        lengths=model.spec.data.lengths,
        draws=asked.draws,
        seed=asked.seed,
        labelled=bool(model.spec.classes),
    )
    held_out = None
    if len(data.held_out):
        held_out = yield from measured(data.held_out.fixed(asked.rows), what="held-out text")
    training = yield from measured(data.training.fixed(asked.rows), what="training text")
    gap = None
    if held_out is not None:
        gap = held_out.bits_per_character.mean - training.bits_per_character.mean
    return Likelihood(bool(model.spec.classes), asked.draws, held_out, training, gap)


def _samples(model: TextModel, request: TextRequest) -> Generator[Measuring, None, list[str]]:
    texts: list[str] = []
    for event in model.sample(request):
        if isinstance(event, MadeTexts):
            texts += event.texts
        else:
            made = f"sampling: {event.done} of {event.total} texts, step"
            yield Measuring(made, event.state.step, event.state.steps)
    return texts


def _quality(
    model: TextModel, data: TextData, samples: list[str], lengths: tuple[int, ...], words: bool
) -> Quality:
    held_out = data.held_out
    pieces = pieces_of(held_out.fixed(2 * len(samples))) if len(held_out) else []
    # Half of the real texts are compared with the samples, and half with the other half.
    wanted = lengths[: len(pieces) // 2]
    chosen = [model.tokenizer.decode(piece) for piece in matched(pieces, wanted * 2)]
    real, others = chosen[: len(wanted)], chosen[len(wanted) :]
    overlap = max(map(len, [*samples, *real]))
    opened = partial(corpus, data.library, overlap)
    return quality_of(samples, real, others, model.tokenizer, opened, words)


def _sampling(request: TextRequest) -> dict[str, Any]:
    return {
        "n": request.n,
        "sampler": request.sampler.model_dump(mode="json"),
        "steps": request.steps,
        "scale": request.scale,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }


def _notes(likelihood: Likelihood, quality: Quality, unread: bool) -> Iterator[str]:
    yield "the bits are a variational bound: the model needs no more, on average over the draws"
    if likelihood.conditional:
        yield "the likelihood is that of the text given its label"
    if likelihood.held_out is None:
        yield "nothing was held out, so over-fitting cannot be seen"
    elif likelihood.held_out.rows < _FEW:
        yield f"n is small: {likelihood.held_out.rows} held-out rows"
    n, real_n = quality.copies.n, quality.token_entropy.real_n
    if n < _FEW:
        yield f"n is small: {n} samples"
    if real_n < n:
        yield f"there are held-out texts for {real_n} of the {n} samples only"
    if unread:
        yield "molecules were not measured: pip install 'sfumato[molecules]'"


def _has_rdkit() -> bool:
    return importlib.util.find_spec("rdkit") is not None
