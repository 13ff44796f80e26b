"""Rows to be sampled: how long each text is, and which places are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.model import drawn
from sfumato.process.categorical import CategoricalProcess
from sfumato.process.rng import Stream, uniform
from sfumato.runs.spec import Spec
from sfumato.sampling.noise import NoiseSource


@dataclass(frozen=True)
class RowLayout:
    """A batch of rows on their way.

    Attributes:
        x_1: Where they start, int64, shape (B, L).
        lengths: Tokens of each text.
        inside: Which places are text, bool, shape (B, L); None if all are.
        free: Which places are to be found, bool, shape (B, L); None if all are.
    """

    x_1: Tensor
    lengths: tuple[int, ...]
    inside: Tensor | None = None
    free: Tensor | None = None

    @property
    def cond(self) -> Conditions:
        """The conditions of a denoiser: tokens beyond a text's end are no part of it."""
        return Conditions(segments=None if self.inside is None else self.inside.long() - 1)

    def forbidden(self, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Tokens that stand for nothing that could be written."""
        return () if tokenizer.unknown is None else (tokenizer.unknown,)

    def texts(self, x0: Tensor, tokenizer: Tokenizer) -> list[str]:
        """The finished texts."""
        rows = zip(x0.cpu().numpy(), self.lengths, strict=True)
        return [tokenizer.decode(row[:length]) for row, length in rows]


def longest(spec: Spec) -> int:
    """The length of the longest piece that training saw; never above the context."""
    return max(size for size, count in enumerate(spec.data.lengths) if count)


def lengths_of(
    spec: Spec, seed: int, indices: Sequence[int], length: int | None
) -> tuple[int, ...]:
    """How long each sample is, in tokens: as asked, or drawn as often as in the training data."""
    if length is not None:
        return (length,) * len(indices)
    counts = [float(count) for count in spec.data.lengths]
    return tuple(drawn(counts, uniform(seed, Stream.LENGTH, indices)).tolist())


def layout(
    spec: Spec, process: CategoricalProcess, noise: NoiseSource, lengths: tuple[int, ...]
) -> RowLayout:
    """Rows of noise with room for texts of these lengths.

    All rows of a run have the same size, so that a sample does not depend on its neighbours.
    """
    size = longest(spec)
    x_1 = process.prior(noise.prior((size,)))
    inside = torch.arange(size) < torch.tensor(lengths)[:, None]
    # By the run and not by the batch: the network's last bits differ once it is told of segments.
    if bool(inside.all()) and not any(spec.data.lengths[:size]):
        return RowLayout(x_1, lengths)
    inside = inside.to(x_1.device)
    return RowLayout(torch.where(inside, x_1, 0), lengths, inside, free=inside)
