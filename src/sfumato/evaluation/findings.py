"""What an evaluation ends with: the report, what is shown beside it, what a comparison needs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from sfumato.errors import DataError
from sfumato.evaluation.exhibits import Exhibit
from sfumato.evaluation.report import Report, Section, Split
from sfumato.evaluation.seen import Seen
from sfumato.metrics.kernel_distance import LEAST
from sfumato.model.model import Trained
from sfumato.runs.measuring import Measuring


def reported(
    model: Trained[Any],
    seed: int,
    split: Split,
    sampling: dict[str, Any],
    sections: Iterable[Section],
    notes: Iterable[str],
) -> Report:
    """The report of a model."""
    return Report(
        run=model.directory.name,
        medium=model.spec.medium,
        model=model.fingerprint,
        snapshot=model.snapshot,
        step=model.step,
        seed=seed,
        split=split,
        sampling=sampling,
        sections=tuple(sections),
        notes=tuple(notes),
    )


def require_enough(model: Trained[Any], training: int) -> None:
    """Refuse a run that learnt from next to nothing, before minutes are spent on samples.

    Raises:
        DataError: There are fewer than three training items, which have no distances.
    """
    if training < LEAST:
        raise DataError(
            f"The run '{model.directory.name}' cannot be evaluated.",
            why=f"it was trained on {training} items, and samples are held against three at least",
            hint="train on more of them; some hundred make figures that mean something.",
        )


class Again(Protocol):
    """Makes samples anew and looks at them through the principal extractor."""

    def __call__(self, n: int, steps: int, what: str) -> Generator[Measuring, None, Tensor]:
        """Features of ``n`` samples made with so many evaluations, shape (n, d)."""
        ...


@dataclass(frozen=True)
class Findings:
    """Everything that was found.

    Attributes:
        report: The figures.
        exhibits: What a page shows beside them.
        seen: What was looked at through each extractor; the first one is the principal.
        bits: Bits of each held-out item whose likelihood was measured, in the report's unit, shape
            (B,), the same items for every run on the same data; None if nothing was held out.
        hits: Which samples a classifier puts into the class asked for, bool, shape (n,); None
            without classes.
        again: To sample with other numbers of evaluations.
    """

    report: Report
    exhibits: tuple[Exhibit, ...]
    seen: tuple[Seen, ...]
    bits: Tensor | None
    hits: Tensor | None
    again: Again
