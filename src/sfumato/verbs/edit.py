"""``sfumato edit``: edit or restore files with a trained run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.errors import SettingError
from sfumato.media.editing import Task
from sfumato.media.registry import require_own
from sfumato.model.editing import wanted_operations
from sfumato.model.edits import EditingModel
from sfumato.model.open import AnyModel, make, open_model
from sfumato.model.options import EditOptions, FillOptions
from sfumato.model.provenance import Fit, Made, Making, Request
from sfumato.model.samples import Samples
from sfumato.model.tokens import TokenModel
from sfumato.regular import irregular
from sfumato.restoration import FunctionOperator, Mask, Observation, Operator
from sfumato.runs.directory import new_folder
from sfumato.runs.weights import LATEST
from sfumato.verbs.fill import Filled, fill, read_text
from sfumato.verbs.sample import Begun, Written, write_samples

SPREAD = "spread.png"
"""Name of the picture of where the results differ."""
_ENOUGH = 4
_OF_TEXT = ("pattern", "words", "length")
# Standard deviation of the noise of an observation in memory, in units of its values.
_NOISE = 0.02
_MOST_NUMBERS = 1 << 28


@dataclass(frozen=True)
class Edited(Written):
    """The files of an edit.

    Attributes:
        source: The file that was edited.
        fits: How well each result that was made now explains what is known, by its index.
        spread: The picture of where the results differ; None without one.
    """

    source: Path
    fits: dict[int, Fit]
    spread: Path | None

    def to_json(self) -> dict[str, Any]:
        """See :meth:`Written.to_json`."""
        fits = {
            str(index): {"residual": fit.residual, "effective": fit.effective}
            for index, fit in self.fits.items()
        }
        spread = None if self.spread is None else str(self.spread)
        own = {
            "source": str(self.source),
            "fits": fits,
            "spread": spread,
        }
        return {**super().to_json(), **own}

    def lines(self) -> list[str]:
        """See :meth:`Written.lines`."""
        return [*super().lines(), *self._about_fits(), *self._about_spread()]

    def _about_fits(self) -> Iterator[str]:
        if not self.fits:
            return
        residuals = [fit.residual for fit in self.fits.values()]
        yield f"residual / noise: {_span(residuals)} (about 1 fits what is known)"
        effective = [fit.effective for fit in self.fits.values() if fit.effective is not None]
        if effective:
            yield f"effective particles: {_span(effective)} on average"
        poor = [index for index, fit in self.fits.items() if fit.is_poor]
        if poor:
            several = ", ".join(f"{index:05d}" for index in poor[:8])
            yield (
                f"warning: {len(poor)} of {len(self.fits)} do not explain what is known "
                f"({several}): try more --particles, more --steps or a larger --noise."
            )

    def _about_spread(self) -> Iterator[str]:
        if self.spread is not None:
            yield f"where they differ: {self.spread}"


@dataclass(frozen=True)
class Completed:
    """The fillings of the gaps of a text.

    Attributes:
        results: The most likely first.
    """

    results: tuple[Filled, ...]


def edit_files(
    run: str | Path,
    files: Sequence[str | Path],
    options: EditOptions,
    *,
    out: Path | None = None,
    trajectory: bool = False,
    format: str | None = None,
    snapshot: str = LATEST,
) -> Iterator[Begun | Making | Made | Written | Completed]:
    """Edit files with a run.

    Args:
        run: Name or path of the run.
        files: The files. The results of several files are written to a folder for each. For a run
            on text it is one text with gaps, or the file of one.
        options: What to do, and how.
        out: Folder for the results; by default a new one in the run's ``samples``.
        trajectory: Also write how each result emerges from noise.
        format: Format of the results; by default the medium's.
        snapshot: Weights to use, ``latest`` or ``best``.

    Yields:
        For each file what :func:`~sfumato.verbs.sample.write_samples` yields, and
        :class:`Edited`; for a text :class:`Completed` alone.

    Raises:
        SettingError: No file is named, an option is invalid or does not fit a file, or a file would
            be overwritten. All files are checked before the first is edited.
        DataError: A file cannot be read.
        RunError: The run cannot edit.
    """
    if not files:
        raise SettingError("No file was named.", hint="sfumato edit RUN FILE --box 8,8,16,16")
    model = open_model(run, snapshot)
    require_own(type(model.medium), options.verb, options.given())
    if isinstance(model, TokenModel):
        yield _filled(model, files, options)
        return
    editor, paths = _editor(model), [Path(file) for file in files]
    requests = [editor.edit_request(path, options) for path in paths]
    places = [_part(path, paths) for path in paths]
    model.medium.folder(Path(), format)  # Checks the format before a folder is made.
    base = new_folder(model.directory) if out is None else out
    for path, place, request in zip(paths, places, requests, strict=True):
        yield from _edited(editor, path, request, base / place, format, trajectory)


def edit(model: AnyModel, observed: Any, options: EditOptions) -> Samples:
    """Edit a file, or restore data from an observation through an operator, in memory.

    Args:
        model: The model of a run on numbers.
        observed: A path; or an array or tensor of the operator's output for one sample.
        options: What to do, and how; its ``operator`` is an operator or a function of batches.

    Raises:
        SettingError: An option is out of range, or the operator does not fit.
        DataError: The file cannot be read.
    """
    editor = _editor(model)
    operator = getattr(options, "operator", None)
    if operator is None and not isinstance(observed, str | Path):
        raise SettingError(
            "An array needs an operator, which says what it shows of the data.",
            hint="run.edit(array, operator=sfumato.restoration.Mean(factor=4))",
        )
    if operator is None:
        return make(editor, editor.edit_request(Path(observed), options))
    task = _task_of(editor, observed, operator, options)
    request = editor.task_request(task, options)
    batches = []
    for low in range(0, request.n, request.batch):
        first = request.sample.index + low
        indices = range(first, first + min(request.batch, request.n - low))
        batches += [
            event for event in editor.edited(request, task, indices) if isinstance(event, Made)
        ]
    return Samples.of(batches, editor.medium)


def _task_of(model: EditingModel, observed: Any, operator: Any, options: EditOptions) -> Task:
    """The task of restoring data of the model from an observation in memory."""
    if isinstance(observed, str | Path):
        raise SettingError(
            "An operator needs an array, not a file.", hint="read the file into an array first."
        )
    if wanted_operations(options):
        raise SettingError("An operator and a named operation exclude each other.")
    if not isinstance(operator, Operator):
        if not callable(operator):
            raise SettingError(
                f"{operator!r} is no operator.", hint="pass an Operator, or a function of batches."
            )
        operator = FunctionOperator.of(operator)
    values = torch.as_tensor(observed).to(model.device, torch.float32)[None]
    shape = tuple(model.medium.signal_shape)
    if isinstance(operator, Mask) and tuple(values.shape[1:]) == shape:
        values = operator.forward(values)
    noise = torch.tensor(_NOISE if options.noise is None else options.noise, device=model.device)
    observation = Observation(operator, values, noise)
    observation.require(shape)
    original = np.zeros((), np.float32)
    return Task(observation, shape, None, None, model.medium.decode, original)


def _filled(model: TokenModel, texts: Sequence[str | Path], options: EditOptions) -> Completed:
    """Fill the gaps of a text, which is given as it is or by its file."""
    if len(texts) > 1:
        raise SettingError("Only one text can be edited at a time.", hint="name one text or file.")
    own = options.given("n", "seed", "steps", "sampler", "label", "scale", "particles", *_OF_TEXT)
    (text,) = texts
    content = read_text(Path(text)) if irregular(Path(text)) is None else str(text)
    return Completed(tuple(fill(model, content, FillOptions(**own))))


def _editor(model: AnyModel) -> EditingModel:
    """The model, if it is one that edits files.

    Raises:
        SettingError: It is a model of text.
    """
    if isinstance(model, EditingModel):
        return model
    raise SettingError(
        f"The run '{model.directory.name}' is on text.",
        hint='fill the gaps of a text: run.fill("to be ____ not to be")',
    )


def _edited(
    model: EditingModel,
    path: Path,
    request: Request,
    folder: Path,
    format: str | None,
    trajectory: bool,
) -> Iterator[Begun | Making | Made | Written]:
    out = model.medium.folder(folder, format)
    if request.sample.method is not None:
        task = model.task(request.sample)
        out.original, out.observed = task.original, task.observed
    fits: dict[int, Fit] = {}
    items: list[NDArray[Any]] = []
    for event in write_samples(out, model, request, trajectory):
        if isinstance(event, Made):
            fits |= dict(zip(event.indices, event.fits, strict=False))
            items += [np.asarray(item) for item in event.items]
        if isinstance(event, Written):
            spread = _spread(model, out.path, items, request)
            edit = request.sample.edit
            notes = () if edit is None else (*edit.notes, *_about_run(request))
            notes += event.notes
            yield Edited(event.out, event.noun, event.seconds, notes, path, fits, spread)
        else:
            yield event


def _about_run(request: Request) -> Iterator[str]:
    if request.sample.covariance is None:
        yield (
            "the run is from before the covariance of its data was measured, so all numbers count "
            "as independent: `sfumato resume` measures it"
        )


def _spread(
    model: EditingModel, folder: Path, items: Sequence[NDArray[Any]], request: Request
) -> Path | None:
    """Draw where the results differ, if all of them were made now and they are enough."""
    is_edit = request.sample.method is not None
    few = len(items) < max(_ENOUGH, request.n)
    if few or not is_edit or sum(item.size for item in items) > _MOST_NUMBERS:
        return None
    path = folder / SPREAD
    model.medium.write_spread(np.stack(items), path)
    return path if path.is_file() else None


def _part(path: Path, files: Sequence[Path]) -> str:
    """Name of the folder for the results of one of several files."""
    if len(files) == 1:
        return ""
    alike = [other for other in files if other.stem == path.stem]
    return path.stem if len(alike) == 1 else f"{path.stem}-{files.index(path)}"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if round(low, 2) == round(high, 2) else f"{low:.2f} to {high:.2f}"
