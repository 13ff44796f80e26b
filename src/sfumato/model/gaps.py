"""A text with gaps as rows of tokens: candidates of different lengths."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.errors import DataError
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.edges import Gap, cut
from sfumato.model.gap_languages import accepted_rows, gap_languages
from sfumato.model.gap_lengths import allowed_lengths, usual_lengths
from sfumato.model.layout import ends_whole
from sfumato.model.tokens import TokenModel
from sfumato.sampling.tokens.automata import Automaton
from sfumato.sampling.tokens.chain import Accepted
from sfumato.sampling.tokens.spelling import Spelled


@dataclass(frozen=True)
class GapRows:
    """Candidates of different lengths, in rows of one length.

    Attributes:
        texts: The given parts of the text.
        gaps: The gaps between them.
        tokens: The fixed tokens, masks at the gaps, and padding at the end, int64 (B, L).
        hidden: The places of gaps, bool (B, L).
        inside: The places of text, without padding, bool (B, L).
        spans: The begin and end of each gap of every row.
        language: The rows that are texts; None if all are, or if there is a constraint.
        accepted: The rows whose gaps satisfy a constraint; None if there is none.
    """

    texts: Sequence[str]
    gaps: Sequence[Gap]
    tokens: Tensor
    hidden: Tensor
    inside: Tensor
    spans: list[list[tuple[int, int]]]
    language: Spelled | None
    accepted: Accepted | None

    def cond(self, index: int | None, label: Tensor | None) -> Conditions:
        """The conditions of a denoiser for one row, or for all."""
        rows = slice(None) if index is None else slice(index, index + 1)
        segments = self.inside[rows].long() - 1
        return Conditions(
            segments=segments if bool((segments < 0).any()) else None,
            label=None if label is None else label[rows],
        )

    def fillings(self, tokenizer: Tokenizer, row: Tensor, index: int) -> list[str]:
        """The text of each gap in a finished row, shape (L,)."""
        tokens = row.cpu().numpy()
        found = []
        for (begin, end), gap in zip(self.spans[index], self.gaps, strict=True):
            if tokenizer.pieces is None:
                found.append(tokenizer.decode(tokens[begin:end]))
                continue
            data = b"".join(tokenizer.pieces[token] for token in tokens[begin:end].tolist())
            data = data[0 if gap.before is None else len(gap.before.data) :]
            data = data[: len(data) - (0 if gap.after is None else len(gap.after.data))]
            found.append(codecs.utf_8_decode(data, "replace", False)[0])
        return found


def gap_rows(
    model: TokenModel,
    texts: Sequence[str],
    length: tuple[int, int] | None,
    candidates: int,
    seed: int,
    constraint: Sequence[Automaton] | None = None,
) -> GapRows:
    """The candidates for a text.

    Args:
        model: The model.
        texts: The parts of the text between its gaps, two or more.
        length: The least and the greatest number of tokens of a gap. By default a gap between
            words has a few, and one at an end is as long as makes the text as long as one of the
            training data.
        candidates: Number of rows, B.
        seed: Seed of the lengths.
        constraint: The texts that each gap may hold; None if all.

    Raises:
        SettingError: No text of the training data is as long as a gap of this length, or the
            constraint allows no filling of it.
        DataError: The text does not fit into the model's context.
    """
    parts, gaps = cut(model.tokenizer, texts)
    fixed = sum(map(len, parts))
    languages = None if constraint is None else gap_languages(model.tokenizer, gaps, constraint)
    if languages is None:
        lengths = usual_lengths(model, fixed, gaps, length, candidates, seed)
    else:
        lengths = allowed_lengths(model, fixed, gaps, languages, length, candidates, seed)
    size = fixed + max(map(sum, lengths))
    context = model.medium.settings.context
    if size > context:
        raise DataError(
            f"The text is too long: {size} tokens with its gaps, and the model sees {context}.",
            why=f"{fixed} tokens are fixed",
            hint="shorten the text around the gaps, or give smaller gaps with --length.",
        )
    tokens = torch.zeros(candidates, size, dtype=torch.int64)
    hidden, inside = torch.zeros_like(tokens, dtype=torch.bool), torch.zeros_like(tokens).bool()
    spans: list[list[tuple[int, int]]] = []
    for row, of_gaps in enumerate(lengths):
        place, spans_of_row = 0, []
        for part, gap in zip(parts, [*of_gaps, 0], strict=True):
            tokens[row, place : place + len(part)] = torch.from_numpy(part)
            place += len(part)
            if gap:
                spans_of_row.append((place, place + gap))
                hidden[row, place : place + gap] = True
            place += gap
        inside[row, :place] = True
        spans.append(spans_of_row)
    tokens[hidden] = model.denoiser.process.size
    language = accepted = None
    if languages is None:
        language = _language(model, gaps, spans, inside, bool(texts[-1]))
    else:
        accepted = accepted_rows(languages, spans, size)
    tokens, hidden, inside = (each.to(model.device) for each in (tokens, hidden, inside))
    return GapRows(texts, gaps, tokens, hidden, inside, spans, language, accepted)


def _language(
    model: TokenModel,
    gaps: Sequence[Gap],
    spans: list[list[tuple[int, int]]],
    inside: Tensor,
    goes_on: bool,
) -> Spelled | None:
    """The rows that are texts and hold what is given; None if all do.

    Args:
        model: The model.
        gaps: The gaps.
        spans: The begin and end of each gap of every row.
        inside: The places of text, bool (B, L).
        goes_on: Whether text is given behind the last gap.
    """
    tokenizer = model.tokenizer
    if tokenizer.spelling is None or tokenizer.pieces is None:
        return None
    lengths = inside.sum(1).tolist()
    whole = [goes_on or ends for ends in ends_whole(model.spec, lengths, None)]
    choice = np.zeros(tuple(inside.shape), np.int64)
    sets, number_of = [np.ones(len(tokenizer.pieces), np.bool_)], dict[int, int]()
    for row, of_gaps in enumerate(spans):
        for gap, (begin, end) in zip(gaps, of_gaps, strict=True):
            for place, fits in gap.sets(end - begin).items():
                if id(fits) not in number_of:
                    number_of[id(fits)] = len(sets)
                    sets.append(fits)
                choice[row, begin + place] = number_of[id(fits)]
    return Spelled(tokenizer.spelling, lengths, whole, [0] * len(lengths), choice, np.stack(sets))
