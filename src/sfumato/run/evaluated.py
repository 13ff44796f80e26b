"""From a run to a report of how good its model is, in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato import storage
from sfumato.errors import SettingError
from sfumato.run.audio.evaluation import SoundEvaluation, SoundReport
from sfumato.run.audio.evaluation import evaluate as evaluate_sounds
from sfumato.run.audio.sampling import AudioModel
from sfumato.run.audio.sheets import beside_nearest
from sfumato.run.directory import require_writable
from sfumato.run.measuring import Measuring
from sfumato.run.run import Run
from sfumato.run.text.evaluation import Evaluation, Report
from sfumato.run.text.evaluation import evaluate as evaluate_text
from sfumato.run.text.sampling import TextModel

FILE = "evaluation.json"
_OF_TEXT = ("rows", "draws", "temperature", "top_p", "molecules")
_OF_SOUNDS = ("label", "scale", "speech")


@dataclass(frozen=True)
class Measured:
    """What a user may ask to be measured; None stands for the medium's own default.

    ``rows``, ``draws``, ``temperature``, ``top_p`` and ``molecules`` are for text alone, ``label``,
    ``scale`` and ``speech`` for sounds.
    """

    n: int | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    rows: int | None = None
    draws: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    molecules: bool | None = None
    label: str | None = None
    scale: float | None = None
    speech: bool | None = None

    def of_text(self) -> dict[str, Any]:
        """The arguments of :class:`~sfumato.run.text.evaluation.Evaluation`.

        Raises:
            SettingError: Something was asked that is measured of sounds alone.
        """
        return self._without(_OF_SOUNDS, "text", "sounds")

    def of_sounds(self) -> dict[str, Any]:
        """The arguments of :class:`~sfumato.run.audio.evaluation.SoundEvaluation`.

        Raises:
            SettingError: Something was asked that is measured of text alone.
        """
        return self._without(_OF_TEXT, "sounds", "text")

    def _without(self, foreign: tuple[str, ...], noun: str, owner: str) -> dict[str, Any]:
        # By identity: zero is a value that someone asked for.
        given = {
            name: value
            for name, value in vars(self).items()
            if value is not None and value is not False
        }
        for name in foreign:
            if name in given:
                raise SettingError(
                    f"--{name.replace('_', '-')} is not for a run on {noun}.",
                    why=f"it is a setting of {owner}",
                )
        return given


@dataclass(frozen=True)
class Evaluated:
    """A report in a file.

    Attributes:
        report: What was found.
        path: Where it was written.
        picture: Sounds: samples over the likest training sounds; None for other media.
    """

    report: Report | SoundReport
    path: Path
    picture: Path | None = None


def evaluate_run(
    run: str | Path, asked: Measured, out: Path | None = None
) -> Iterator[Measuring | Evaluated]:
    """Evaluate a run on text or sounds and write the report.

    Args:
        run: Name or path of the run.
        asked: What to measure.
        out: File for the report, over an earlier one; ``evaluation.json`` of the run if None.

    Yields:
        Progress, and at last the report.

    Raises:
        SettingError: It is a run on pictures, or a value is out of range.
        SfumatoError: See ``evaluate`` of ``sfumato.run.text.evaluation`` and
            ``sfumato.run.audio.evaluation``.
    """
    opened = Run.open(run)
    # Known by the spec, before weights are read.
    if opened.spec.medium == "pictures":
        raise SettingError(
            f"The run '{opened.name}' cannot be evaluated.",
            why="evaluate is for runs on text and sounds so far, and this is one on pictures",
        )
    path = opened.directory.root / FILE if out is None else out
    if path.is_dir():
        raise SettingError(f"'{path}' is a folder.", hint="name a file: --out FILE")
    require_writable(path.parent)
    model = opened.model
    events: Iterator[Measuring | Report | SoundReport]
    if isinstance(model, AudioModel):
        events = evaluate_sounds(model, SoundEvaluation(**asked.of_sounds()))
    elif isinstance(model, TextModel):
        events = evaluate_text(model, Evaluation(**asked.of_text()))
    else:
        raise TypeError("a run on pictures was refused already")
    for event in events:
        if isinstance(event, Measuring):
            yield event
            continue
        storage.write_json(path, event.to_json())
        picture = None
        if isinstance(event, SoundReport) and isinstance(model, AudioModel):
            picture = path.with_name(f"{path.stem}-nearest.png")
            sheet = beside_nearest(model.medium, event.samples, event.real, event.quality.nearest)
            with storage.replacing(picture) as draft:
                sheet.save(draft, format="PNG")
        yield Evaluated(event, path, picture)
