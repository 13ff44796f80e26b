"""From what a user asks of samples to files, for any medium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.errors import SettingError
from sfumato.media.audio.folder import SoundFolder, SoundFormat
from sfumato.media.image.folder import PictureFolder
from sfumato.model.audio import AudioModel
from sfumato.model.image import ImageModel
from sfumato.model.stored import read_stored
from sfumato.model.text_stored import read_stored_text
from sfumato.model.text_writing import write_texts
from sfumato.model.tokens import TextModel
from sfumato.model.writing import SampleFolder, write_samples
from sfumato.run import Run
from sfumato.runs.directory import new_folder
from sfumato.runs.weights import LATEST

_OF_TEXT = ("temperature", "top_p", "length")
_OF_SIGNALS = ("start", "strength", "seconds")


@dataclass(frozen=True)
class Asked:
    """What a user may ask of samples; None stands for the run's own default.

    ``temperature``, ``top_p`` and ``length`` are for text alone; ``start``, ``strength`` and
    ``seconds`` for pictures and sounds, see :meth:`GaussianModel.request`.
    """

    n: int | None = None
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    label: str | None = None
    scale: float | None = None
    batch: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    length: int | None = None
    start: Path | None = None
    strength: float | None = None
    seconds: float | None = None
    guidance: str | None = None
    interval: tuple[float, float] | None = None
    precision: str | None = None
    compiled: bool = False

    def of_signals(self, noun: str) -> dict[str, Any]:
        """The arguments of :meth:`GaussianModel.request`.

        Raises:
            SettingError: Something was asked that pictures and sounds do not have.
        """
        return {"n": 16, **self._without(_OF_TEXT, noun, "text")}

    def of_text(self) -> dict[str, Any]:
        """The arguments of :meth:`TextModel.request`.

        Raises:
            SettingError: Something was asked that text does not have.
        """
        return {"n": 4, **self._without(_OF_SIGNALS, "text", "pictures and sounds")}

    def _without(self, foreign: tuple[str, ...], noun: str, owner: str) -> dict[str, Any]:
        given = {name: value for name, value in vars(self).items() if value is not None}
        for name in foreign:
            if name in given:
                flag = "from" if name == "start" else name.replace("_", "-")
                raise SettingError(
                    f"--{flag} is not for {noun}.", why=f"it is a setting of {owner}"
                )
        return given


def sample_files(
    run: str | None,
    asked: Asked,
    out: Path | None,
    trajectory: bool,
    like: Path | None,
    form: SoundFormat | None = None,
    snapshot: str = LATEST,
) -> Iterator[Any]:
    """Sample a run into files.

    Args:
        run: Name or path of the run; may be None with ``like``, whose file names it.
        asked: What to make, unless ``like`` is given.
        out: Folder for the files; a new one in the run's ``samples`` if None.
        trajectory: Also write each sample's way from noise.
        like: A sample to make again: a PNG, WAV or FLAC, or a line of a ``samples.jsonl`` as
            ``FILE:N``.
        form: Sounds: which kind of files; if None that of ``like``, or ``wav``.
        snapshot: Which weights, ``latest`` or ``best``.

    Yields:
        See :func:`~sfumato.model.writing.write_samples` and
        :func:`~sfumato.model.text_writing.write_texts`.

    Raises:
        SettingError: Neither a run nor a file was named, or a file would be overwritten.
    """
    if run is None and like is None:
        raise SettingError("No run was named.", hint="sfumato sample RUN   (see the folder runs/)")
    opened = Run.open(_run_of(like) if run is None and like is not None else str(run), snapshot)
    model = opened.model
    if form is not None and not isinstance(model, AudioModel):
        raise SettingError(f"--format is not for {opened.spec.medium}.", why="it is one of sounds")
    if isinstance(model, TextModel):
        text = model.request(**asked.of_text()) if like is None else model.like(like)
        yield from write_texts(opened.directory, model, text, out, trajectory)
        return
    request = (
        model.request(**asked.of_signals(opened.spec.medium)) if like is None else model.like(like)
    )
    if form is None:
        form = "flac" if like is not None and like.suffix.lower() == ".flac" else "wav"
    folder = folder_for(model, out or new_folder(opened.directory), form)
    yield from write_samples(folder, model, request, trajectory)


def folder_for(
    model: ImageModel | AudioModel, path: Path, form: SoundFormat = "wav"
) -> SampleFolder:
    """Where samples of a model are put."""
    if isinstance(model, AudioModel):
        return SoundFolder(path, medium=model.medium, form=form)
    return PictureFolder(path, medium=model.medium)


def _run_of(like: Path) -> str:
    if ".jsonl" in like.name:
        return read_stored_text(like).run
    return read_stored(like).run
