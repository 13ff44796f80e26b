"""Rendering of what measures: a status line while it is at work, and what it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sfumato.cli import show, show_report

if TYPE_CHECKING:
    from sfumato.evaluation.files import Compared, Evaluated
    from sfumato.runs.measuring import Measuring
    from sfumato.runs.tuned import Fitted


def evaluation(events: Iterator[Measuring | Evaluated], as_json: bool) -> None:
    """An evaluation as it is made, and its report."""
    found: Any = watched(events, as_json)
    if as_json:
        show.dump(found.report.to_json())
        return
    show_report.report(found.report)
    show.say(f"report: {found.path}")
    show.say(f"page: {found.page}")


def comparison(events: Iterator[Measuring | Compared], as_json: bool) -> None:
    """A comparison as it is made, and what it found."""
    found: Any = watched(events, as_json)
    if as_json:
        show.dump(found.comparison.to_json())
        return
    show_report.comparison(found.comparison)
    show.say(f"comparison: {found.path}")
    show.say(f"page: {found.page}")


def tuning(events: Iterator[Measuring | Fitted], as_json: bool) -> None:
    """A fit as it is made, and whether it is worth keeping."""
    found: Any = watched(events, as_json)
    kept = found.kept
    if as_json:
        path = None if found.path is None else str(found.path)
        show.dump({**kept.model_dump(mode="json"), "path": path})
        return
    show.say(f"{kept.measure}, on noise or text that the fit has not seen:")
    show.say(f"  tuned for {kept.steps} evaluations  {kept.error:.4f}")
    show.say(f"  {kept.untuned}, the best untuned  {kept.untuned_error:.4f}")
    if found.path is None:
        show.say("not kept: it is not better. More --examples may help.")
    else:
        show.say(f"kept: {found.path}")
        show.say(f"sfumato sample --steps {kept.steps} takes it from now on.")


def watched(events: Iterator[Any], as_json: bool) -> Any:
    """Show how far it is; returns what comes last."""
    from sfumato.runs.measuring import Measuring

    found = None
    with show.progress(as_json) as report:
        for event in events:
            if isinstance(event, Measuring):
                report(event.done, event.total, event.what)
            else:
                found = event
    if found is None:
        raise RuntimeError("it ended without a result")
    return found
