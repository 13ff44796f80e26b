"""Whether samples are copies of training items."""

from __future__ import annotations

from collections.abc import Iterator

from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import Seen
from sfumato.metrics.memorisation import Memorisation, memorisation

_ABOUT = (
    "How far each sample is from the nearest training item, against how far held-out items are. "
    "A model that copies is nearer in far more than half of the pairs, and far more of its samples "
    "are nearer than nearly all held-out items are. Nearer is not yet copied: look at the pairs."
)
# How probable it must be, at most, that a model without copies looks like this one.
_RARE = 0.001


def memorised(seen: Seen) -> Memorisation:
    """The distances to the nearest training item, of samples and of held-out items."""
    return memorisation(seen.samples, seen.training, seen.held_out)


def copies_section(seen: Seen, found: Memorisation) -> Section:
    """What was found, as a section."""
    figures = tuple(_figures(found, (len(seen.samples), len(seen.held_out))))
    return Section(f"copies/{seen.name}", "copies", _ABOUT, figures, seen.identity)


def _figures(found: Memorisation, n: tuple[int, int]) -> Iterator[Figure]:
    title = "nearer than a held-out one"
    if found.nearer is None:
        yield Figure("nearer", title, None, n=n, form=".1%", flag=found.few)
        return
    alarm = None
    if found.p is not None and found.p < _RARE:
        alarm = f"samples are nearer to training items than chance allows (p = {found.p:.1g})"
    yield Figure("nearer", title, *found.nearer, 0.5, n, ".1%", found.few or alarm)
    title = "nearer than nearly all of them"
    if found.copied is None:
        why = "too few held-out items to say how near is too near"
        yield Figure("copied", title, None, n=n, form=".1%", flag=why)
    else:
        yield Figure("copied", title, *found.copied, found.by_chance, n, ".1%")
    share = len(found.copies) / n[0]
    silent = None
    if found.fewest > 0.05 * n[0]:
        silent = f"fewer than {found.fewest:,} copies cannot be found with {n[1]:,} held-out items"
    yield Figure("called", "called copies, 1 in 20 wrongly", share, n=n, form=".1%", flag=silent)
