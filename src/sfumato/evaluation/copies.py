"""Whether samples are copies of training items."""

from __future__ import annotations

from collections.abc import Iterator

from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.memorisation import Memorisation, memorisation

_ABOUT = (
    "The first row is the share of pairs of a sample and a held-out item in which the sample is "
    "closer to its nearest training item: 50 % if samples are as new as real items. The second row "
    "is the share of samples that are closer to one training item, compared with the training "
    "items around it, than nearly all held-out items are. The third row is the share of samples "
    "that the test detects as copies, with a false discovery rate of 5 %. A sample close to a "
    "training item is not always a copy of it: look at the pairs."
)
# Largest probability, for a model that does not copy, at which the first row raises an alarm.
_ALARM = 0.001


def find_copies(features: Features) -> Memorisation:
    """The distances to the nearest training item, and the samples that are copies."""
    return memorisation(features.samples, features.training, features.held_out)


def copies_section(features: Features, found: Memorisation) -> Section:
    """The section of a report on copies.

    Args:
        features: Features of samples and real items.
        found: What :func:`find_copies` returned for them.
    """
    figures = tuple(_figures(found, (len(features.samples), len(features.held_out))))
    return Section(f"copies/{features.name}", "copies", _ABOUT, figures, features.identity)


def _figures(found: Memorisation, n: tuple[int, int]) -> Iterator[Figure]:
    title = "closer than a held-out item"
    if found.nearer is None:
        yield Figure("nearer", title, None, n=n, form=".1%", flag=found.few)
        return
    alarm = None
    if found.p is not None and found.p < _ALARM:
        alarm = f"samples are closer to training items than chance explains (p = {found.p:.1g})"
    yield Figure("nearer", title, *found.nearer, 0.5, n, ".1%", found.few or alarm)
    title = "closer than nearly all held-out items"
    if found.copied is None:
        why = "too few held-out items to tell which distances are unusually small"
        yield Figure("copied", title, None, n=n, form=".1%", flag=why)
    else:
        yield Figure("copied", title, *found.copied, found.by_chance, n, ".1%")
    share = len(found.copies) / n[0]
    limit = None
    if found.fewest > 0.05 * n[0]:
        limit = f"fewer than {found.fewest:,} copies cannot be found with {n[1]:,} held-out items"
    yield Figure("called", "detected copies (FDR 5 %)", share, n=n, form=".1%", flag=limit)
