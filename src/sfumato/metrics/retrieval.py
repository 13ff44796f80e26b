"""How often the right caption of an item is found among several: agreement with words.

R-precision (Xu et al. 2018, "AttnGAN", arXiv:1711.10485, section 4), but with the exact mean over
all draws of the other captions in place of some draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.interval import wilson


class Retrieval(NamedTuple):
    """The share of items whose right caption ranks first among ``candidates`` distinct captions.

    Attributes:
        share: In [0, 1]; ties count as chance.
        low, high: Bounds with a confidence of 95 %. If there are more distinct captions than
            candidates, captions count as drawn, each together with its items; otherwise they count
            as given, and items as independent.
        n: The number of items.
        candidates: How many captions were used: fewer than requested if fewer are distinct.
        chance: The share of items that know nothing of their captions, 1 / candidates.
        of_each: The probability of each item that its right caption ranks first, float64, shape
            (n,); the share is their mean.
    """

    share: float
    low: float
    high: float
    n: int
    candidates: int
    chance: float
    of_each: Tensor


def retrieval(similarity: Tensor, captions: Sequence[str], candidates: int = 16) -> Retrieval:
    """Rank the captions of items by similarity.

    The other captions are drawn from the distinct texts of the other rows; the mean over all draws
    is exact, so that the result has no seed.

    Args:
        similarity: Of item i and the caption of row j, shape (n, n). Rows of equal text have equal
            columns.
        captions: The text of each row.
        candidates: The captions in a draw, the right one included, at least 2.

    Raises:
        DataError: There are fewer than two distinct captions, the shapes differ, or a similarity is
            not a number.
    """
    if similarity.shape != (len(captions), len(captions)) or similarity.isnan().any():
        raise DataError(
            f"Similarities of shape {tuple(similarity.shape)} do not rank {len(captions):,}"
            " captions.",
            why="each row needs a number for each caption",
        )
    numbers = {text: number for number, text in enumerate(dict.fromkeys(captions))}
    used = min(candidates, len(numbers))
    if used < 2:
        raise DataError("Retrieval needs two distinct captions.", hint="use more items.")
    own = torch.tensor([numbers[text] for text in captions])
    first = torch.tensor([captions.index(text) for text in numbers])
    alike = similarity.double()[:, first]
    right = alike.gather(1, own[:, None])
    others = torch.ones_like(alike, dtype=torch.bool).scatter_(1, own[:, None], value=False)
    ties, worse = (alike == right) & others, alike < right
    found = _first(ties.sum(1), worse.sum(1), len(numbers) - 1, used - 1)
    share = found.mean().item()
    if len(numbers) > used:
        variance = _by_captions(found, own, ties, worse, used)
        units = len(numbers)
    else:
        variance = found.var().item() / len(found)
        units = len(found)
    spread = share * (1 - share)
    # Without any spread every unit counts once, as in Wilson's interval of a share of 0 or 1.
    total = spread / variance if variance > 0 and spread > 0 else float(units)
    return Retrieval(*wilson(share, total), len(captions), used, 1 / used, found)


def _first(ties: Tensor, worse: Tensor, others: int, drawn: int) -> Tensor:
    """The probability that the right caption ranks first of those drawn, for each item.

    Of ``others`` captions ``drawn`` are drawn without replacement; with j ties among them, and the
    rest worse, the right one is first with probability 1 / (j + 1).
    """
    total = torch.zeros(len(ties), dtype=torch.float64)
    everything = _log_choices(torch.tensor(others), torch.tensor(drawn))
    for tied in range(min(drawn, int(ties.max())) + 1):
        ways = _log_choices(ties, torch.tensor(tied)) + _log_choices(
            worse, torch.tensor(drawn - tied)
        )
        total += (ways - everything).exp() / (tied + 1)
    return total


def _log_choices(n: Tensor, k: Tensor) -> Tensor:
    """log of n over k; minus infinity if k > n."""
    n, k = n.double(), k.double()
    rest = (n - k).clamp_min(0)
    value = (n + 1).lgamma() - (k + 1).lgamma() - (rest + 1).lgamma()
    return torch.where(k > n, -torch.inf, value)


def _by_captions(found: Tensor, own: Tensor, ties: Tensor, worse: Tensor, used: int) -> float:
    """The jackknife variance of the share when each caption is left out, as right and as other."""
    count = ties.shape[1]
    tied, below = ties.sum(1), worse.sum(1)
    # What each item finds if the caption left out is better, a tie, or worse.
    left = [
        _first((tied - a).clamp_min(0), (below - b).clamp_min(0), count - 2, used - 1)
        for a, b in ((0, 0), (1, 0), (0, 1))
    ]
    # An item whose every other caption is a tie or worse has no better one to leave out.
    without = torch.where(
        ties, left[1][:, None], torch.where(worse, left[2][:, None], left[0][:, None])
    )
    without = without.scatter(1, own[:, None], 0.0)
    sizes = torch.bincount(own, minlength=count)
    shares = without.sum(0) / (len(found) - sizes)
    return ((count - 1) / count * (shares - shares.mean()).square().sum()).item()
