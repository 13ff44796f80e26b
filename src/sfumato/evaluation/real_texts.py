"""The real texts that samples are compared with, as long as those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sfumato.evaluation.real_text import matched, pieces_of
from sfumato.media.text.data import TextData
from sfumato.media.text.rows import Rows

# Training texts for each sample.
_KNOWN = 8


@dataclass(frozen=True)
class Beside:
    """Real texts to compare samples with, as long as those.

    Attributes:
        held_out: As long as the first samples; maybe fewer.
        others: As many more that were held out.
        training: As long as the samples, from what was trained on; several for each sample if
            there are so many.
    """

    held_out: list[str]
    others: list[str]
    training: list[str]


def beside(data: TextData, unseen: Rows, lengths: Sequence[int]) -> Beside:
    """Choose them.

    Args:
        data: Of the run.
        unseen: Rows that the model never saw.
        lengths: Tokens of each sample.
    """
    count = len(lengths)
    pieces = pieces_of(unseen.fixed(2 * count)) if len(unseen) else []
    # Half of the held-out texts are compared with the samples, and half with the other half.
    wanted = list(lengths[: len(pieces) // 2])
    decode = data.tokenizer.decode
    chosen = [decode(piece) for piece in matched(pieces, wanted * 2)]
    known = pieces_of(data.training.fixed(_KNOWN * count))
    times = min(_KNOWN, len(known) // count)
    # With fewer training texts than samples, all of them as they are.
    of_each = matched(known, list(lengths) * times) if times else known
    training = [decode(piece) for piece in of_each]
    return Beside(chosen[: len(wanted)], chosen[len(wanted) :], training)
