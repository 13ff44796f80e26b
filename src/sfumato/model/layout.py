"""The layout of rows of tokens to sample: lengths of texts, their places, and their display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.network import draw_places
from sfumato.process.categorical import CategoricalProcess
from sfumato.process.rng import Stream, uniform
from sfumato.runs.spec import Spec
from sfumato.sampling.noise import NoiseSource
from sfumato.sampling.sampler import Language
from sfumato.sampling.tokens.spelling import Spelled

_CHARACTER = 4  # The largest number of bytes of a character.

MASKED = "░"
"""The character that is parts at a masked place."""


@dataclass(frozen=True)
class RowLayout:
    """A batch of rows to sample.

    Attributes:
        x_1: The initial states, int64, shape (B, L).
        lengths: Number of tokens of each text.
        inside: The places that are text, bool, shape (B, L); None if all are.
        free: The places to sample, bool, shape (B, L); None if all are.
    """

    x_1: Tensor
    lengths: tuple[int, ...]
    inside: Tensor | None = None
    free: Tensor | None = None

    @property
    def cond(self) -> Conditions:
        """The conditions of a denoiser: tokens beyond a text's end are not part of it."""
        return Conditions(segments=None if self.inside is None else self.inside.long() - 1)

    def language(
        self,
        tokenizer: Tokenizer,
        whole: Sequence[bool] | None = None,
        start: Sequence[int] | None = None,
    ) -> Language | None:
        """The rows that are texts; None if all are.

        Args:
            tokenizer: The tokenizer.
            whole: For each row whether it has to end between characters, see :func:`ends_whole`.
            start: For each row the state of spelling at its beginning; None is between characters.
        """
        if tokenizer.spelling is None:
            return None
        return Spelled.of(tokenizer.spelling, self.lengths, self.x_1.shape[1], whole, start)

    def texts(self, x0: Tensor, tokenizer: Tokenizer) -> list[str]:
        """The finished texts."""
        rows = zip(x0.cpu().numpy(), self.lengths, strict=True)
        return [tokenizer.text(row[:length]) for row, length in rows]


def lengths_of(
    spec: Spec, seed: int, indices: Sequence[int], length: int | None
) -> tuple[int, ...]:
    """Number of tokens of each sample: ``length``, or drawn from those of the training data."""
    if length is not None:
        return (length,) * len(indices)
    counts = [float(count) for count in spec.data.lengths]
    return tuple(draw_places(counts, uniform(seed, Stream.LENGTH, indices)).tolist())


def ends_whole(spec: Spec, lengths: Sequence[int], length: int | None) -> list[bool]:
    """Whether texts have to end between characters.

    A text whose length is that of a training text does. One that was cut from a longer text, or
    whose length was requested, may end inside a character, which is then left out; but a text has
    one character.

    Args:
        spec: The run's spec.
        lengths: Number of tokens of each text.
        length: The requested number; None if the lengths were drawn.
    """
    drawn = length is None
    return [size < _CHARACTER or (drawn and size < spec.data.longest) for size in lengths]


def layout(
    spec: Spec, process: CategoricalProcess, noise: NoiseSource, lengths: tuple[int, ...]
) -> RowLayout:
    """Rows of noise with room for texts of these lengths.

    All rows of a run have the same size, so that a sample does not depend on its neighbours.
    """
    size = spec.data.longest
    x_1 = process.prior(noise.prior((size,)))
    inside = torch.arange(size) < torch.tensor(lengths)[:, None]
    # Decided by the run, not by the batch: segments as a condition change the network's last bits.
    if bool(inside.all()) and not any(spec.data.lengths[:size]):
        return RowLayout(x_1, lengths)
    inside = inside.to(x_1.device)
    return RowLayout(torch.where(inside, x_1, 0), lengths, inside, free=inside)


def with_masks(decode: Callable[[list[int]], str], tokens: Sequence[int], mask: int) -> str:
    """Tokens as text, with a sign at every masked place.

    Args:
        decode: Turns tokens without masked ones into text.
        tokens: The tokens of one text.
        mask: The token of a masked place.
    """
    parts: list[str] = []
    clean: list[int] = []
    for token in [*tokens, mask]:
        if token != mask:
            clean.append(token)
            continue
        if clean:
            parts.append(decode(clean))
            clean = []
        parts.append(MASKED)
    return "".join(parts[:-1])
