"""The files of a run directory, and finding a run by its name.

::

    runs/NAME/
      spec.json            the fully resolved settings of the run
      data.digests         digests of the items of the data, to name those that change
      tokenizer.json       text only: the tokenizer
      model.safetensors    averaged weights, ready to sample
      early/               averaged weights of a few earlier steps, for autoguidance
      initial.safetensors  the weights of another run that this one began with, if it did
      best.safetensors     the averaged weights that measured best on held-out data
      covariance.safetensors  the covariance of the data, for `sfumato edit`
      checkpoints/         complete training states
      log.jsonl            one event a line
      previews/  samples/
      tuned/               samplers fitted by `sfumato tune`, by number of evaluations
      evaluation/          what `sfumato evaluate` and `sfumato compare` measured
      README.md            model card
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sfumato import storage
from sfumato.engine.checkpoint import LATEST
from sfumato.engine.lock import LOCK
from sfumato.errors import RunError, SettingError, suggest
from sfumato.media.medium import DIGESTS

ROOT = Path("runs")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
# Names of devices on Windows, with or without a suffix.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class RunDirectory:
    """A run's folder and the files in it."""

    root: Path

    @property
    def name(self) -> str:
        """The name of the run, which is the name of its folder."""
        return self.root.resolve().name

    @property
    def spec(self) -> Path:
        """The settings of the run, as JSON."""
        return self.root / "spec.json"

    @property
    def digests(self) -> Path:
        """The digests of the items of the data, see ``data.digests``."""
        return self.root / DIGESTS

    @property
    def model(self) -> Path:
        """The averaged weights, ready to sample."""
        return self.root / "model.safetensors"

    @property
    def best(self) -> Path:
        """The averaged weights that measured best on held-out data."""
        return self.root / "best.safetensors"

    @property
    def initial(self) -> Path:
        """The weights of another run that this one began with, if it did."""
        return self.root / "initial.safetensors"

    @property
    def covariance(self) -> Path:
        """The covariance of the data, which restoration uses."""
        return self.root / "covariance.safetensors"

    @property
    def early(self) -> Path:
        """The folder of averaged weights of a few earlier steps."""
        return self.root / "early"

    @property
    def checkpoints(self) -> Path:
        """The folder of complete training states."""
        return self.root / "checkpoints"

    @property
    def log(self) -> Path:
        """The log: one event per line, as JSON."""
        return self.root / "log.jsonl"

    @property
    def previews(self) -> Path:
        """The folder of samples made while training."""
        return self.root / "previews"

    @property
    def samples(self) -> Path:
        """The default folder of samples."""
        return self.root / "samples"

    @property
    def tuned(self) -> Path:
        """The folder of samplers fitted to the run's weights."""
        return self.root / "tuned"

    @property
    def evaluation(self) -> Path:
        """The default folder of reports."""
        return self.root / "evaluation"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders of a run; any can be missing."""
        return (
            self.checkpoints,
            self.early,
            self.previews,
            self.samples,
            self.tuned,
            self.evaluation,
            self.tensorboard,
        )

    @property
    def replaced(self) -> tuple[Path, ...]:
        """The files that training writes again and again; any can be missing."""
        previews = sorted(self.previews.glob("latest.*"))  # The suffix is that of the medium.
        return (self.model, self.best, self.card, self.checkpoints / LATEST, *previews)

    @property
    def lock(self) -> Path:
        """The file whose lock a writer of the run holds."""
        return self.root / LOCK

    @property
    def tensorboard(self) -> Path:
        """The folder of the curves for TensorBoard."""
        return self.root / "tensorboard"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.root / "README.md"


def checked_name(name: str) -> str:
    """Return the name if it is safe as the name of a folder on every system.

    Raises:
        SettingError: The name holds separators or other unsafe characters.
    """
    if not _NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        raise SettingError(
            f"{name!r} cannot be the name of a run.",
            why="names are letters, digits, '.', '_' and '-', begin with a letter or digit, do not "
            "end in '.', and are no device of Windows",
        )
    return name


def claim(stem: str, root: Path = ROOT) -> Path:
    """Create the folder ``stem``, or ``stem-2``, ``stem-3``, ... : the first that is free."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:80] or "run"
    path, number = root / stem, 1
    while True:
        # Creating the folder also claims it from other processes that look for a free name.
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
            path = root / f"{stem}-{number}"
        else:
            return path


def locate(run: str | Path, root: Path = ROOT) -> RunDirectory:
    """Find a run by its path or by its name.

    Raises:
        RunError: There is no such run; the hint is the nearest name.
        DamagedFile: A file or folder of the run is a link; see :func:`require_own`.
    """
    places = dict.fromkeys((Path(run), root / run))  # The same, if it is an absolute path.
    for path in places:
        if os.path.lexists(path / "spec.json"):
            directory = RunDirectory(path)
            require_own(directory)
            return directory
    names = [path.parent.name for path in root.glob("*/spec.json")]
    raise RunError(
        f"There is no run '{run}'.",
        why=f"there is no spec.json in {' or '.join(repr(str(place)) for place in places)}",
        hint=suggest(str(run), names) if names else "begin one with: sfumato train openmoji",
    )


def require_own(directory: RunDirectory) -> None:
    """Check that the folders of a run are folders and no links; the run itself may be a link.

    Links inside a run are never followed, as those in a run from a stranger could lead to any file.
    Files are checked when they are opened, see :mod:`sfumato.storage`.

    Raises:
        DamagedFile: The message names the link.
    """
    for folder in directory.folders:
        storage.require_own_folder(folder)


def require_room_for_files(directory: RunDirectory) -> None:
    """Check that no folder stands in the place of a file that training replaces.

    Raises:
        DamagedFile: The message names the folder.
    """
    for file in directory.replaced:
        storage.require_no_folder(file)


def sweep(directory: RunDirectory) -> None:
    """Remove the drafts that killed sessions left anywhere in a run."""
    for folder in _places(directory):
        storage.sweep(folder)


def leftovers(directory: RunDirectory) -> list[Path]:
    """The drafts that killed sessions left in a run, without those of living processes."""
    found = (draft for folder in _places(directory) for draft in storage.drafts_in(folder))
    return [draft for draft in found if not storage.is_held(draft)]


def _places(directory: RunDirectory) -> Iterator[Path]:
    """The folders of a run in which files are written."""
    yield directory.root
    for folder in directory.folders:
        if storage.is_own_folder(folder):
            yield folder
    if storage.is_own_folder(directory.samples):
        yield from filter(storage.is_own_folder, sorted(directory.samples.iterdir()))


def new_folder(directory: RunDirectory) -> Path:
    """Create the next free folder ``samples/NNN`` of a run."""
    storage.require_own_folder(directory.samples)
    directory.samples.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name) for path in directory.samples.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    newest = directory.samples / f"{number:03d}"
    if storage.is_own_folder(newest):
        storage.sweep(newest)  # A killed sampling may have left a draft.
    while True:
        number += 1
        folder = directory.samples / f"{number:03d}"
        # Another process may be sampling the same run.
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
