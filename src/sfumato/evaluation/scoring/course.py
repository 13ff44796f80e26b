"""The scoring of files by any run."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import DataError, RunError, SfumatoError
from sfumato.evaluation.scoring.asked import Asked
from sfumato.evaluation.scoring.scorer import Found, Scorer, SetAside
from sfumato.evaluation.scoring.scores import Estimates, Reference, Scores, mean_of, ranked
from sfumato.evaluation.scoring.signals import SignalScorer
from sfumato.evaluation.scoring.texts import TextScorer
from sfumato.media.audio.data import require as require_audio
from sfumato.model.audio import AudioModel
from sfumato.model.image import ImageModel
from sfumato.model.tokens import TextModel
from sfumato.runs.measuring import Measuring


def score(
    model: ImageModel | AudioModel | TextModel, places: Iterable[str | Path], asked: Asked
) -> Generator[Measuring, None, Scores]:
    """Score files; yields progress.

    A score is a function of the item, the weights and what is asked: neither other files nor their
    order change it.

    Args:
        model: Of a run.
        places: Files and folders of them. What cannot be read is set aside.
        asked: How to score.

    Raises:
        DataError: Nothing could be read.
        SettingError: A value is out of range, or of another medium.
        MissingExtra: A package that reads sounds is not installed.
    """
    scorer = _scorer(model, asked)
    set_aside: list[SetAside] = []
    found = _found(scorer, places, set_aside)
    estimates: dict[str, Estimates] = {}
    for done, item in enumerate(found):
        yield Measuring("likelihood of files: item", done, len(found))
        try:
            estimates[item.name] = scorer.bits(item.read())
        except SfumatoError as error:
            set_aside.append(SetAside(item.name, error.why or error.what))
    if not estimates:
        raise _nothing_read(set_aside)
    notes: list[str] = []
    reference = yield from _reference(scorer, asked.held_out, notes)
    mean, error_of_mean = mean_of(list(estimates.values()))
    return Scores(
        unit=scorer.unit,
        items=ranked(estimates, reference),
        mean=mean,
        mean_error=error_of_mean,
        reference=reference,
        set_aside=tuple(set_aside),
        notes=tuple(notes),
        asked=_record(model, asked),
    )


def _scorer(model: ImageModel | AudioModel | TextModel, asked: Asked) -> Scorer[Any]:
    if isinstance(model, TextModel):
        return TextScorer(model, asked)
    if isinstance(model, AudioModel):
        require_audio()
    return SignalScorer(model, asked)


def _found(
    scorer: Scorer[Any], places: Iterable[str | Path], set_aside: list[SetAside]
) -> list[Found[Any]]:
    """All items, each once however often it is named."""
    found: dict[str, Found[Any]] = {}
    for place in places:
        path = Path(place).expanduser()
        try:
            for entry in scorer.find(path):
                if isinstance(entry, SetAside):
                    set_aside.append(entry)
                else:
                    found.setdefault(entry.key, entry)
        except SfumatoError as error:
            set_aside.append(SetAside(str(path), error.why or error.what))
    return list(found.values())


def _reference(
    scorer: Scorer[Any], most: int, notes: list[str]
) -> Generator[Measuring, None, Reference | None]:
    if not most:
        return None
    try:
        items = yield from scorer.held_out(most)
    except (DataError, RunError) as error:
        notes.append(f"nothing to compare with, as the run's data cannot be read: {error.what}")
        return None
    if not items:
        notes.append("nothing to compare with, as nothing of that kind was held out of the data")
        return None
    bits = []
    for done, item in enumerate(items):
        yield Measuring("likelihood of held-out items: item", done, len(items))
        bits.append(scorer.bits(item).mean())
    return Reference(np.array(bits))


def _record(model: ImageModel | AudioModel | TextModel, asked: Asked) -> dict[str, Any]:
    run = {"run": model.directory.name, "snapshot": model.snapshot, "model": model.fingerprint}
    wanted = asked.checked()
    given = asdict(asked)
    del given["held_out"]
    return {**run, **given, "draws": wanted.draws, "steps": wanted.steps}


def _nothing_read(set_aside: list[SetAside]) -> DataError:
    shown = "; ".join(f"{name}: {reason}" for name, reason in set_aside[:3])
    more = f"; and {len(set_aside) - 3} more" if len(set_aside) > 3 else ""
    return DataError(
        "None of the files could be scored.",
        why=f"{shown}{more}" if set_aside else "no file was named",
        hint="name files or folders of the kind that the run was trained on.",
    )
