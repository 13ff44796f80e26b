"""Score files by their likelihood under a model of any medium, the least likely first."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DataError, RunError, SettingError, SfumatoError, suggest
from sfumato.evaluation.of import view_of
from sfumato.evaluation.of.view import Found, Scorer, SetAside
from sfumato.model.checks import require_within
from sfumato.model.model import Model
from sfumato.model.options import LARGEST, ScoreOptions
from sfumato.regular import require_regular
from sfumato.runs.progress import Progress

_METHODS = ("bound", "ode")
_MOST = 10_000
Estimates = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """Held-out items of the run's data, to compare scores with.

    Attributes:
        bits: Bits of each item, shape (m,), m >= 1.
    """

    bits: Estimates

    @property
    def mean(self) -> float:
        """The mean of the bits."""
        return float(self.bits.mean())

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the bits; None for a single item."""
        return float(self.bits.std(ddof=1)) if len(self.bits) > 1 else None


@dataclass(frozen=True)
class Score:
    """The score of an item.

    Attributes:
        name: Name of the item.
        bits: Bits per dimension or per character: the more bits, the less likely the item.
        error: Standard error over the estimates; None for a single estimate. All items are scored
            with the same noise, so differences between them are more precise than this.
        less_likely: Number of held-out items that need at least as many bits; None without any.
        z: How many standard deviations of the held-out items the bits lie above their mean; None
            unless there are two held-out items that differ.
    """

    name: str
    bits: float
    error: float | None
    less_likely: int | None
    z: float | None

    def to_json(self) -> dict[str, Any]:
        """The score as plain data."""
        return {
            "name": self.name,
            "bits": self.bits,
            "standard_error": self.error,
            "held_out_less_likely": self.less_likely,
            "z": self.z,
        }


@dataclass(frozen=True)
class Scores:
    """The scores of files.

    Attributes:
        unit: Unit of all bits.
        items: The scores, the least likely item first.
        mean: Mean of the bits.
        mean_error: Standard error of the mean, for the choice of items and for the noise that they
            share; None if there is a single estimate of each item.
        reference: Scores of held-out items; None if there are none.
        set_aside: What could not be read, and why.
        notes: Remarks that a reader needs to interpret the scores.
        settings: The run and the options.
    """

    unit: str
    items: tuple[Score, ...]
    mean: float
    mean_error: float | None
    reference: Reference | None
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The scores as plain data."""
        held_out = None
        if self.reference is not None:
            held_out = {
                "count": len(self.reference.bits),
                "mean": self.reference.mean,
                "deviation": self.reference.deviation,
            }
        return {
            **self.settings,
            "unit": self.unit,
            "items": [
                {"rank": rank, **item.to_json()} for rank, item in enumerate(self.items, start=1)
            ],
            "mean": {"bits": self.mean, "standard_error": self.mean_error},
            "held_out": held_out,
            "set_aside": [entry._asdict() for entry in self.set_aside],
            "notes": list(self.notes),
        }


def score(
    model: Model[Any], files: Iterable[str | Path], options: ScoreOptions | None = None
) -> Generator[Progress, None, Scores]:
    """Score files; yields progress.

    The score of an item is a function of the item, the weights and the options. Neither other files
    nor their order change it.

    Args:
        model: Model of a run.
        files: Files, and folders of files. What cannot be read is set aside.
        options: How to score.

    Raises:
        DataError: No file could be read.
        SettingError: A value is out of range, or an option of another medium or method.
        MissingExtra: A package that reads audio is not installed.
    """
    options = ScoreOptions() if options is None else options
    draws, steps = estimates_of(options)
    scorer = view_of(model).scorer(model, options, draws, steps)
    set_aside: list[SetAside] = []
    found = _found(scorer, files, set_aside)
    estimates: dict[str, Estimates] = {}
    for done, item in enumerate(found):
        yield Progress("likelihood of files: item", done, len(found))
        try:
            estimates[item.name] = scorer.bits(item.read())
        except SfumatoError as error:
            set_aside.append(SetAside(item.name, error.why or error.what))
    if not estimates:
        raise _nothing_read(set_aside)
    notes: list[str] = []
    reference = yield from _reference(scorer, options.held_out, notes)
    mean, mean_error = mean_of(list(estimates.values()))
    own = {
        name: value for name, value in asdict(options).items() if name not in ("held_out", "data")
    }
    return Scores(
        unit=scorer.unit,
        items=ranked(estimates, reference),
        mean=mean,
        mean_error=mean_error,
        reference=reference,
        set_aside=tuple(set_aside),
        notes=tuple(notes),
        settings={
            "run": model.directory.name,
            "snapshot": model.snapshot,
            "model": model.fingerprint,
            **own,
            "draws": draws,
            "steps": steps,
        },
    )


def estimates_of(options: ScoreOptions) -> tuple[int, int]:
    """Estimates of each item, and network evaluations for each, with the method's defaults.

    Raises:
        SettingError: A value is out of range, or an option of the other method.
    """
    if options.method not in _METHODS:
        raise SettingError(
            f"There is no method '{options.method}'.", hint=suggest(options.method, _METHODS)
        )
    draws, steps, least = (4, 64, 2) if options.method == "ode" else (8, 16, 1)
    draws = draws if options.draws is None else options.draws
    steps = steps if options.steps is None else options.steps
    require_within("draws", draws, 1, _MOST)
    require_within("steps", steps, least, _MOST)
    require_within("held_out", options.held_out, 0, _MOST)
    require_within("seed", options.seed, 0, LARGEST)
    if options.probes is not None:
        if options.method != "ode":
            raise SettingError(
                "--probes is for --method ode.", why="the bound has no divergence to estimate"
            )
        require_within("probes", options.probes, 1, _MOST)
    return draws, steps


def ranked(estimates: Mapping[str, Estimates], reference: Reference | None) -> tuple[Score, ...]:
    """The scores of items, the least likely item first.

    Args:
        estimates: Estimates of each item by its name, shape (draws,).
        reference: What to compare them with.
    """
    scores = [_score(name, draws, reference) for name, draws in estimates.items()]
    return tuple(sorted(scores, key=lambda score: (-score.bits, score.name)))


def mean_of(estimates: Sequence[Estimates]) -> tuple[float, float | None]:
    """The mean over items, and its standard error.

    Items are independent but share their noise, so the variance of the mean over draws is added to
    the variance over items.

    Args:
        estimates: Estimates of each item, shape (draws,); at least one item.
    """
    values = np.stack(estimates)
    items, draws = values.shape
    mean = float(values.mean())
    if draws < 2:
        return mean, None
    variance = values.mean(0).var(ddof=1) / draws
    if items > 1:
        variance += values.mean(1).var(ddof=1) / items
    return mean, math.sqrt(variance)


def _score(name: str, draws: Estimates, reference: Reference | None) -> Score:
    bits = float(draws.mean())
    error = float(draws.std(ddof=1)) / math.sqrt(len(draws)) if len(draws) > 1 else None
    if reference is None:
        return Score(name, bits, error, None, None)
    less_likely = int((reference.bits >= bits).sum())
    spread = reference.deviation
    return Score(
        name, bits, error, less_likely, (bits - reference.mean) / spread if spread else None
    )


def _found(
    scorer: Scorer[Any], files: Iterable[str | Path], set_aside: list[SetAside]
) -> list[Found[Any]]:
    """All items, each once however often it is named."""
    found: dict[str, Found[Any]] = {}
    for file in files:
        path = Path(file).expanduser()
        try:
            if path.exists() and not path.is_dir():
                require_regular(path)
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
) -> Generator[Progress, None, Reference | None]:
    if not most:
        return None
    try:
        items = yield from scorer.held_out(most)
    except (DataError, RunError) as error:
        notes.append(
            f"there are no held-out items to compare with, as the run's data cannot be read: "
            f"{error.what}"
        )
        return None
    if not items:
        notes.append("there are no held-out items to compare with, or none of this class")
        return None
    bits = []
    for done, item in enumerate(items):
        yield Progress("likelihood of held-out items: item", done, len(items))
        bits.append(scorer.bits(item).mean())
    return Reference(np.array(bits))


def _nothing_read(set_aside: list[SetAside]) -> DataError:
    shown = "; ".join(f"{name}: {reason}" for name, reason in set_aside[:3])
    more = f"; and {len(set_aside) - 3} more" if len(set_aside) > 3 else ""
    return DataError(
        "None of the files could be scored.",
        why=f"{shown}{more}" if set_aside else "no file was named",
        hint="name files or folders of the medium that the run was trained on.",
    )
