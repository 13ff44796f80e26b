"""Evaluating a model of text."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.catalogue import asset_here, fetch_asset
from sfumato.data.selection import Selection
from sfumato.errors import DataError, SettingError
from sfumato.evaluation.display import Display, Texts
from sfumato.evaluation.features import HiddenStates
from sfumato.evaluation.likelihood import (
    Likelihood,
    RowBits,
    bits_of_rows,
    length_bits,
    likelihood_section,
)
from sfumato.evaluation.of.view import Found, Samples, Scorer, SetAside, View
from sfumato.evaluation.real import RealTexts, Tokens, corpus, pieces_of, real_texts
from sfumato.evaluation.result import Figure, Section
from sfumato.evaluation.text_quality import molecule_section, molecules_of, text_sections
from sfumato.media.text.documents import Document, Problem, read_documents
from sfumato.media.text.medium import TextData
from sfumato.media.text.rows import RowBatch, Rows, rows_of
from sfumato.media.text.settings import USUAL_LABEL
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.memorisation import Memorisation
from sfumato.metrics.molecules import canonical
from sfumato.metrics.text_features import NgramFeatures, SentenceEmbedding
from sfumato.model.options import EvaluateOptions, ScoreOptions
from sfumato.model.provenance import Made
from sfumato.model.tokens import bound_of_rows
from sfumato.runs.progress import Progress
from sfumato.training.data import reopened

_MOLECULES = "molecules"
_SHOWN, _COMPARED = 12, 4
# Windows of a long text that are scored, evenly spaced.
_MOST_WINDOWS = 16
_ABOUT_LIKELIHOOD = "A variational bound: the model needs at most this many bits on average."


class TextScorer(Scorer[Tokens]):
    """Scores texts in bits per character, with the bits for the length of the text.

    A text has rows of its own, and its estimates are made in one batch, so that not even rounding
    depends on what else is scored. A text longer than the context is scored in windows.
    """

    unit = "bits per character"

    def __init__(self, model: Any, options: ScoreOptions, draws: int, steps: int) -> None:
        if options.method == "ode":
            raise SettingError(
                "--method ode is not for a run on text.",
                why="tokens change in jumps, so there is no ODE that leads to them",
                hint="use --method bound.",
            )
        super().__init__(model, options, draws, steps)

    def find(self, place: Path) -> Iterator[Found[Tokens] | SetAside]:
        """See :meth:`Scorer.find`; a text is what the run takes as one document."""
        # The classes of records are not used, so records need not have the run's label field.
        settings = self.model.medium.settings.model_copy(update={"label_field": USUAL_LABEL})
        root = place if place.is_dir() else place.parent
        # Own samples can be scored, although they are no data to train on.
        for found in read_documents(place, settings, Selection(outputs=True)):
            if isinstance(found, Document):
                key = str(root.resolve() / found.name)
                yield Found(str(root / found.name), key, partial(self._encoded, found.text))
            elif isinstance(found, Problem):
                line = "" if found.line is None else f":{found.line}"
                yield SetAside(f"{root / found.path}{line}", found.reason)

    def held_out(self, most: int) -> Generator[Progress, None, Sequence[Tokens]]:
        """See :meth:`Scorer.held_out`: whole texts, and single windows of longer texts."""
        data = yield from reopened(
            self.model.directory, self.model.spec, TextData, self.options.data
        )
        rows = data.held_out.fixed(most)
        if self.label is not None and rows.labels is not None:
            own = rows.labels == self.label
            rows = RowBatch(rows.tokens[own], rows.segments[own], None)
        return pieces_of(rows)[:most]

    def bits(self, item: Tokens) -> NDArray[np.float64]:
        """See :meth:`Scorer.bits`."""
        rows = rows_of(item, self.model.medium.settings.context, _MOST_WINDOWS)
        total = np.zeros(self.draws)
        characters = 0
        for number, (tokens, segments) in enumerate(zip(rows.tokens, rows.segments, strict=True)):
            total += self._bits_of_row(tokens, segments, number)
            characters += self.model.tokenizer.characters(tokens[segments == 0])
        if not characters:
            raise DataError("The text does not contain a whole character.")
        return total / characters

    def _encoded(self, text: str) -> Tokens:
        tokens: Tokens = self.model.tokenizer.encode(text).astype(np.int64)
        return tokens

    def _bits_of_row(self, tokens: Tokens, segments: Tokens, number: int) -> NDArray[np.float64]:
        draws = self.draws
        labels = None if self.label is None else np.full(draws, self.label)
        alike = RowBatch(
            np.repeat(tokens[None], draws, 0), np.repeat(segments[None], draws, 0), labels
        )
        nats = bound_of_rows(
            self.model.denoiser,
            alike,
            self.steps,
            self.options.seed,
            classes=0 if labels is None else self.model.spec.classes,
            first=number * draws,
        )
        lengths = length_bits(alike.segments, self.model.spec.data.lengths)
        bits: NDArray[np.float64] = nats.numpy() / math.log(2) + lengths
        return bits


class TextView(View):
    """Texts: features of n-grams, of a sentence embedding, and of the run's own network."""

    n, rows, draws = 64, 512, 8
    recorded = ("sampler", "steps", "scale", "temperature", "top_p")
    scorer = TextScorer

    def __init__(self, model: Any, options: EvaluateOptions) -> None:
        super().__init__(model, options)
        if options.molecules:
            canonical([])  # Raises now, and not after minutes, if the package is missing.
        data = model.spec.data
        self._chemical = data.catalogued and data.source == _MOLECULES

    def extractor(self, name: str) -> Extractor[Sequence[str]]:
        """The sentence embedding by its name."""
        if name == SentenceEmbedding.name:
            return SentenceEmbedding(fetch_asset(name))
        raise SettingError(
            f"--extractors {name} is not for text.",
            why="an ONNX file does not define how a text becomes numbers",
            hint=f"use --extractors {SentenceEmbedding.name}. In Python, "
            "run.evaluate(extractors=[...]) takes any function of texts.",
        )

    def real(self) -> Generator[Progress, None, RealTexts]:
        """Real texts that are as long as the samples."""
        lengths = self.model.lengths(self.request.sample, range(self.request.n))
        return (yield from real_texts(self.model, self.options.data, lengths))

    def collected(self, batches: Sequence[Made]) -> Samples:
        """See :meth:`View.collected`."""
        texts = [text for batch in batches for text in batch.items]
        provenance = tuple(origin for batch in batches for origin in batch.provenance)
        return Samples(texts, None, provenance)

    def extractors(self, real: RealTexts) -> Sequence[Extractor[Sequence[str]]]:
        """N-grams, the sentence embedding if it was fetched before, and hidden states."""
        folder = asset_here(SentenceEmbedding.name)
        usable = folder is not None and importlib.util.find_spec("tokenizers") is not None
        trained = [SentenceEmbedding(folder)] if folder is not None and usable else []
        return [NgramFeatures(), *trained, HiddenStates(self.model)]

    def prepare(self, items: Sequence[str]) -> Sequence[str]:
        """See :meth:`View.prepare`."""
        return items

    def likelihood(self, real: RealTexts) -> Generator[Progress, None, Likelihood]:
        """See :meth:`View.likelihood`."""
        unseen = None
        if len(real.unseen):
            unseen = yield from self._bits(real, real.unseen, "held-out text")
        known = yield from self._bits(real, real.data.training, "training text")
        if unseen is None:
            estimate, n = None, (0, known.rows)
            figures: tuple[Figure, ...] = ()
        else:
            estimate, n = unseen.bits_per_character, (unseen.rows, known.rows)
            figures = _more_bits(unseen)
        section = likelihood_section(
            "bits per character", _ABOUT_LIKELIHOOD, estimate, known.bits_per_character, n, figures
        )
        return Likelihood(section, None if unseen is None else torch.from_numpy(unseen.of_each))

    def own(
        self, samples: Samples, real: RealTexts
    ) -> Generator[Progress, None, tuple[list[Section], list[Display]]]:
        """Entropy, words, n-grams, verbatim copies, and molecules."""
        texts, library, wanted = samples.items, real.data.library, self.options.molecules
        yield Progress("comparing with real text: samples", 0, len(texts))
        half = len(real.held_out) // 2
        held_out, others = real.held_out[:half], real.held_out[half:]
        opened = partial(corpus, library, max(map(len, [*texts, *held_out])))
        words = not (self._chemical or wanted)
        tokenizer = self.model.tokenizer
        sections = [*text_sections(texts, held_out, others, tokenizer, opened, words)]
        if wanted or (self._chemical and importlib.util.find_spec("rdkit") is not None):
            yield Progress("reading molecules", 0, len(texts))
            molecules = molecules_of(texts, corpus(library, 0), self._chemical)
            sections.append(molecule_section(molecules))
        return sections, []

    def arranged(
        self, compared: Sequence[Section], likelihood: Section, own: Sequence[Section]
    ) -> list[Section]:
        """The likelihood first: of text it is more telling than distances are."""
        return [likelihood, *own, *compared]

    def displays(
        self, samples: Samples, real: RealTexts, copies: Memorisation
    ) -> Iterator[Display]:
        """The first samples, real texts, and the samples that are nearest to training texts."""
        texts = samples.items
        first = tuple((f"sample {number}", text) for number, text in enumerate(texts[:_SHOWN]))
        yield Texts("samples", f"the first {len(first)}, in order", first)
        held_out = real.held_out[: len(real.held_out) // 2][:_COMPARED]
        if held_out:
            about = "held-out texts of the same lengths as the first samples"
            shown = tuple((f"held-out {number}", text) for number, text in enumerate(held_out))
            yield Texts("real texts", about, shown)
        nearest = np.argsort(copies.distances, kind="stable")[:_COMPARED]
        pairs: list[tuple[str, str]] = []
        for row in nearest.tolist():
            pairs.append((f"sample {row}", texts[row]))
            pairs.append(("nearest training text", real.training[int(copies.nearest[row])]))
        about = "by the first extractor; each sample is followed by the nearest training text"
        yield Texts("samples that are nearest to a training text", about, tuple(pairs))

    def notes(self, real: RealTexts, own: Sequence[Section]) -> Iterator[str]:
        """See :meth:`View.notes`."""
        yield (
            f"copies by features are searched in {len(real.training):,} pieces of training text of "
            "the samples' lengths, and verbatim copies in all training text"
        )
        if self.model.spec.classes:
            yield "the likelihood is that of the text given its label"
        if self._chemical and not any(section.key == "molecules" for section in own):
            yield "molecules were not measured: pip install 'sfumato[molecules]'"

    def _bits(self, real: RealTexts, rows: Rows, what: str) -> Generator[Progress, None, RowBits]:
        spec = self.model.spec
        return (
            yield from bits_of_rows(
                self.model.denoiser,
                rows.fixed(self.size("rows")),
                real.data.tokenizer,
                spec.data.lengths,
                draws=self.size("draws"),
                seed=self.options.seed,
                classes=spec.classes,
                what=what,
            )
        )


def _more_bits(held_out: RowBits) -> tuple[Figure, ...]:
    """Figures on the likelihood of text only."""
    tokens, lengths = held_out.bits_per_token, held_out.bits_of_lengths_per_character
    n, title = (held_out.rows,), "bits per token, held out"
    return (
        Figure("tokens", title, tokens.mean, tokens.low, tokens.high, n=n),
        Figure("lengths", "bits per character for lengths", lengths, n=n, form=".4f"),
    )
