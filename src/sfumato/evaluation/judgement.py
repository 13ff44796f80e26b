"""What is measured of any medium, once its items have become features."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from sfumato.evaluation.copies import copies_section, memorised
from sfumato.evaluation.distances import distances
from sfumato.evaluation.report import Section
from sfumato.evaluation.seen import Rivals, Seen
from sfumato.evaluation.variety import variety
from sfumato.metrics.memorisation import Memorisation
from sfumato.runs.measuring import Measuring


def judgement(
    seen: Sequence[Seen], groups: Sequence[str], seed: int
) -> Generator[Measuring, None, tuple[list[Section], Memorisation]]:
    """Distances under every extractor; copies and variety under the first.

    Args:
        seen: Features of samples and real items, by the principal extractor first.
        groups: Of all real items, training first: those of one belong together.
        seed: Of what is drawn.

    Returns:
        The sections, and what was found of copies.
    """
    sections = []
    for one in seen:
        yield Measuring(f"comparing by {one.name}: samples", 0, len(one.samples))
        sections.append(distances(one, groups, seed))
    principal = seen[0]
    found = memorised(principal)
    sections.append(copies_section(principal, found))
    rivals = Rivals.of(groups, len(principal.samples), seed)
    sections.append(variety(principal, rivals))
    return sections, found
