"""From what a user asks of samples to files, for any medium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.errors import SettingError
from sfumato.run.image.sampled import write_samples
from sfumato.run.image.sampling import ImageModel
from sfumato.run.image.stored import read_stored
from sfumato.run.run import Run
from sfumato.run.text.sampled import write_texts
from sfumato.run.text.stored import read_stored_text


@dataclass(frozen=True)
class Asked:
    """What a user may ask of samples; None stands for the run's own default.

    The last three are for text alone.
    """

    n: int | None = None
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    label: str | None = None
    scale: float | None = None
    batch: int = 16
    temperature: float | None = None
    top_p: float | None = None
    length: int | None = None

    def of_pictures(self) -> dict[str, Any]:
        """The arguments of :meth:`ImageModel.request`.

        Raises:
            SettingError: Something was asked that pictures do not have.
        """
        asked = dict(vars(self))
        for name in ("temperature", "top_p", "length"):
            if asked.pop(name) is not None:
                raise SettingError(
                    f"Pictures have no {name.replace('_', '-')}.", why="it is a setting of text"
                )
        return {"n": 16, **_given(asked)}

    def of_text(self) -> dict[str, Any]:
        """The arguments of :meth:`TextModel.request`."""
        return {"n": 4, **_given(vars(self))}


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def sample_files(
    run: str | None, asked: Asked, out: Path | None, trajectory: bool, like: Path | None
) -> Iterator[Any]:
    """Sample a run into files.

    Args:
        run: Name or path of the run; may be None with ``like``, whose file names it.
        asked: What to make, unless ``like`` is given.
        out: Folder for the files; a new one in the run's ``samples`` if None.
        trajectory: Also write each sample's way from noise.
        like: A sample to make again: a PNG, or a line of a ``samples.jsonl`` as ``FILE:N``.

    Yields:
        See :func:`~sfumato.run.image.sampled.write_samples` and
        :func:`~sfumato.run.text.sampled.write_texts`.

    Raises:
        SettingError: Neither a run nor a file was named, or a file would be overwritten.
    """
    if run is None and like is None:
        raise SettingError("No run was named.", hint="sfumato sample RUN   (see the folder runs/)")
    opened = Run.open(_run_of(like) if run is None and like is not None else str(run))
    model = opened.model
    if isinstance(model, ImageModel):
        picture = model.request(**asked.of_pictures()) if like is None else model.like(like)
        yield from write_samples(opened.directory, model, picture, out, trajectory)
    else:
        text = model.request(**asked.of_text()) if like is None else model.like(like)
        yield from write_texts(opened.directory, model, text, out, trajectory)


def _run_of(like: Path) -> str:
    if ".jsonl" in like.name:
        return read_stored_text(like).run
    return read_stored(like).run
