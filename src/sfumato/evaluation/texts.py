"""Evaluating a model of text."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from sfumato.catalogue import asset_here, fetch_asset
from sfumato.errors import SettingError
from sfumato.evaluation.asked import Asked
from sfumato.evaluation.curves import curve_plots
from sfumato.evaluation.exhibits import Exhibit, Texts
from sfumato.evaluation.findings import Findings, reported, require_enough
from sfumato.evaluation.hidden_states import HiddenStates
from sfumato.evaluation.judgement import judgement
from sfumato.evaluation.likelihoods import of_texts
from sfumato.evaluation.real_text import corpus
from sfumato.evaluation.real_texts import Beside, beside
from sfumato.evaluation.report import Section, Split
from sfumato.evaluation.seen import Sets, look
from sfumato.evaluation.text_quality import molecules_of, quality_of
from sfumato.evaluation.text_sections import text_sections
from sfumato.media.text.data import TextData, elsewhere
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.molecules import canonical
from sfumato.metrics.text_features import NgramFeatures, SentenceEmbedding
from sfumato.model.text_request import MadeTexts, TextRequest
from sfumato.model.tokens import TextModel
from sfumato.runs.measuring import Measuring
from sfumato.training.reopen import read, reopened

_MOLECULES = "molecules"
_SHOWN = 12
_COMPARED = 4


def evaluate(
    model: TextModel, asked: Asked, extractors: Sequence[Extractor[Sequence[str]]] = ()
) -> Generator[Measuring, None, Findings]:
    """Evaluate a model; yields progress.

    The findings are a function of the weights, the data and what is asked.

    Args:
        model: Of a run.
        asked: What to measure.
        extractors: More of them, beside those of text.

    Raises:
        SettingError: A value is out of range.
        DataError: The data are gone.
        RunError: They are not what the run began with.
        MissingExtra: Molecules are asked for and rdkit is not installed.
    """
    wanted = asked.of("text", n=64, rows=512, draws=8)
    request = model.request(wanted.n, **asked.request("temperature", "top_p"))
    if asked.molecules:
        canonical([])  # Better to miss the package now than after minutes.
    trained = _trained(asked)  # Fetched, or refused, before any work.
    data = yield from reopened(model.directory, model.spec, TextData)
    unseen = data.held_out
    if asked.data is not None:
        others = elsewhere(model.directory, asked.data, model.spec.text)
        unseen = (yield from read(others, TextData, asked.data)).training
    require_enough(model, len(data.training))
    bits = yield from of_texts(model, data, unseen, wanted, asked.seed)
    samples = yield from _samples(model, request)
    real = beside(data, unseen, model.lengths(request, range(request.n)))
    own = yield from _own(model, data, samples, real, asked)
    # Hidden states are the model's own, and say nothing beside another model's.
    ways = [NgramFeatures(), *trained, HiddenStates(model), *extractors]
    sets = Sets(samples, real.training, [*real.held_out, *real.others])
    seen = yield from look(ways, sets, _as_they_are, wanted.n)
    groups = [str(number) for number in range(len(seen[0].real))]
    sections, found = yield from judgement(seen, groups, asked.seed)
    facts = data.facts
    split = Split(facts.source, len(data.training), len(unseen), asked.data, facts.fingerprint)
    notes = _notes(model, len(real.training), own)
    report = reported(
        model, asked.seed, split, _sampling(request), (bits.section, *own, *sections), notes
    )
    nearest = np.argsort(found.distances, kind="stable")[:_COMPARED]
    pairs = [(int(row), real.training[int(found.nearest[row])]) for row in nearest]
    exhibits = (*_exhibits(samples, real, pairs), *curve_plots(model.directory))

    def again(n: int, steps: int, what: str) -> Generator[Measuring, None, Tensor]:
        return ways[0]((yield from _samples(model, replace(request, n=n, steps=steps), what)))

    return Findings(report, exhibits, seen, bits.of_each, None, again)


def _own(
    model: TextModel, data: TextData, samples: list[str], real: Beside, asked: Asked
) -> Generator[Measuring, None, tuple[Section, ...]]:
    """What is measured of texts alone."""
    chemical = _chemical(model)
    yield Measuring("comparing with real text: samples", 0, len(samples))
    opened = partial(corpus, data.library, max(map(len, [*samples, *real.held_out])))
    words = not (chemical or asked.molecules)
    quality = quality_of(samples, real.held_out, real.others, model.tokenizer, opened, words)
    molecules = None
    if asked.molecules or (chemical and importlib.util.find_spec("rdkit") is not None):
        yield Measuring("reading molecules", 0, len(samples))
        molecules = molecules_of(samples, corpus(data.library, 0), chemical)
    return tuple(text_sections(quality, molecules))


def _chemical(model: TextModel) -> bool:
    """Whether the catalogue's molecules were learnt."""
    return model.spec.data.catalogued and model.spec.data.source == _MOLECULES


def _as_they_are(texts: Sequence[str]) -> Sequence[str]:
    return texts


def _trained(asked: Asked) -> list[Extractor[Sequence[str]]]:
    """A network that knows sentences, where it was asked for or fetched before."""
    unknown = sorted(set(asked.extractors) - {SentenceEmbedding.name})
    if unknown:
        raise SettingError(
            f"--extractor {unknown[0]} is not for text.",
            why="an ONNX file does not say how text becomes its numbers",
            hint=f"--extractor {SentenceEmbedding.name}; in Python, run.evaluate(extractors=[...]) "
            "takes any function of texts.",
        )
    if asked.extractors:
        return [SentenceEmbedding(fetch_asset(SentenceEmbedding.name))]
    folder = asset_here(SentenceEmbedding.name)
    if folder is None or importlib.util.find_spec("tokenizers") is None:
        return []
    return [SentenceEmbedding(folder)]


def _samples(
    model: TextModel, request: TextRequest, what: str = "sampling"
) -> Generator[Measuring, None, list[str]]:
    texts: list[str] = []
    for event in model.sample(request):
        if isinstance(event, MadeTexts):
            texts += event.texts
        else:
            made = f"{what}: {event.done:,} of {event.total:,} texts, step"
            yield Measuring(made, event.state.step, event.state.steps)
    return texts


def _sampling(request: TextRequest) -> dict[str, Any]:
    return {
        "n": request.n,
        "sampler": request.sampler.model_dump(mode="json"),
        "steps": request.steps,
        "scale": request.scale,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }


def _exhibits(
    samples: Sequence[str], real: Beside, pairs: Sequence[tuple[int, str]]
) -> Iterator[Exhibit]:
    shown = tuple((f"sample {number}", text) for number, text in enumerate(samples[:_SHOWN]))
    yield Texts("samples", f"the first {len(shown)}, not chosen", shown)
    if real.held_out:
        texts = tuple((f"held-out {n}", text) for n, text in enumerate(real.held_out[:_COMPARED]))
        yield Texts("real texts", "held out, of the same lengths as the first samples", texts)
    both = [
        part
        for row, text in pairs
        for part in ((f"sample {row}", samples[row]), ("nearest training text", text))
    ]
    about = "by what is measured first: each over the training text that is nearest to it"
    yield Texts("the samples that are nearest to a training text", about, tuple(both))


def _notes(model: TextModel, known: int, own: Sequence[Section]) -> Iterator[str]:
    yield (
        f"copies by features are looked for in {known:,} pieces of training text as long as the "
        "samples, word-for-word ones in all of it"
    )
    if model.spec.classes:
        yield "the likelihood is that of the text given its label"
    if _chemical(model) and not any(section.key == "molecules" for section in own):
        yield "molecules were not measured: pip install 'sfumato[molecules]'"
