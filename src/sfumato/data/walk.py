"""Listing the files of a folder of any kind.

Files are listed in order, with one folder in memory at a time. Runs of Sfumato, links that lead
elsewhere, devices and pipes are set aside with a reason, and none of them is opened.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from sfumato.data.marks import MADE_BY_SFUMATO, is_run, is_text_output
from sfumato.data.selection import Chooser, Selection
from sfumato.regular import kind_of
from sfumato.storage import default_cache

METADATA = "metadata.jsonl"
"""Name of the file that describes the files of its folder."""

METADATA_FILES = (METADATA, "metadata.csv", "metadata.tsv")
"""Names of the files that describe the files of their folder; the first that is there is read."""


_PLAIN = Selection()
_SHOWN_REASONS = 3
_SHEET = "sheet.png"
_ALLOW = "(--settings data.follow_links=true follows it)"


class Found(NamedTuple):
    """A file.

    Attributes:
        path: Path relative to the root, with ``/`` as separator.
        size: Size in bytes.
        mtime_ns: Time of the last change of the content; programs can set it.
        ctime_ns: Time of the last change of the file or of its status.
        texts: The names in its folder that end in ``.txt``, without links.
        beside_sheet: Whether a file ``sheet.png`` lies in its folder.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    texts: Set[str]
    beside_sheet: bool = False


class Rejected(NamedTuple):
    """A file (or a line of a metadata file) that was set aside, and why."""

    path: str
    reason: str


def walk(
    root: Path, selection: Selection = _PLAIN, leaving: bool = False
) -> Iterator[Found | Rejected]:
    """List the files of a folder, nested to any depth, sorted by path.

    Hidden files and folders are skipped. Runs of Sfumato are set aside. No file is listed twice by
    way of links.

    Args:
        root: The folder.
        selection: Says whether links are followed. Its patterns only decide whether the target of a
            link is listed anyway; the caller applies them to what is listed.
        leaving: Whether links to files outside the folder are followed although the selection does
            not follow links.
    """
    yield from _Walk(root, selection, leaving).run()


def suffix_of(path: str) -> str:
    """The suffix of a path in lower case; ten times as fast as ``PurePath``."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def is_metadata(path: str) -> bool:
    """Whether a file is one that describes the files of its folder, by its name in any case."""
    return path.rpartition("/")[2].lower() in METADATA_FILES


def count_suffixes(root: Path, selection: Selection = _PLAIN) -> Counter[str]:
    """The number of files by suffix, as :func:`walk` would list them; the files are not looked at.

    Args:
        root: The folder.
        selection: Which files are counted.
    """
    chooser, suffixes = Chooser(selection), Counter[str]()
    if selection.follow_links:
        found = (file.path for file in walk(root, selection) if isinstance(file, Found))
        return Counter(suffix_of(path) for path in found if chooser.includes(path))
    for folder, folders, names in os.walk(root):
        if is_run(folder, [*names, *(f"{name}/" for name in folders)]):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = "" if folder == str(root) else f"{os.path.relpath(folder, root)}/"
        for name in names:
            if not name.startswith(".") and chooser.includes(place + name):
                suffixes[suffix_of(name)] += 1
    return suffixes


class _Walk:
    """One walk through a folder."""

    def __init__(self, root: Path, selection: Selection, leaving: bool) -> None:
        self._place = f"{root}/"
        self._real_root = os.path.realpath(root)
        self._outputs = selection.outputs
        self._follow = selection.follow_links
        self._leaving = leaving or selection.follow_links
        self._chooser = Chooser(selection)
        cache = self._inside(os.path.realpath(default_cache()))
        self._cache = f"{cache}/" if cache else ""
        # Folders and files elsewhere that links have led to, by device and number.
        self._seen: set[tuple[int, int]] = set()

    def run(self) -> Iterator[Found | Rejected]:
        open_folders = [self._listed("", elsewhere=False)]
        while open_folders:
            found = next(open_folders[-1], None)
            if found is None:
                open_folders.pop()
            elif isinstance(found, _Folder):
                open_folders.append(self._listed(found.path, found.elsewhere))
            else:
                yield found

    def _listed(self, folder: str, elsewhere: bool) -> Iterator[Found | Rejected | _Folder]:
        """The entries of one folder, whose path ends with a slash unless it is empty.

        Args:
            folder: Its path relative to the root.
            elsewhere: Whether a link has led out of the root.
        """
        try:
            names, links = _names(self._place + folder)
        except OSError as error:
            yield Rejected(_shown(folder.rstrip("/") or "."), f"cannot be listed: {error.strerror}")
            return
        if folder and folder == self._cache:
            yield Rejected(folder.rstrip("/"), f"{MADE_BY_SFUMATO}: the cache")
            return
        if is_run(self._place + folder, names):
            yield Rejected(_shown(folder.rstrip("/") or "."), f"{MADE_BY_SFUMATO}: a run")
            return
        texts = {name for name in names if name.endswith(".txt")} - links
        about = texts, _SHEET in names
        for name in names:
            path = folder + name
            if not name.isascii() and _shown(name) != name:
                yield Rejected(_shown(path.rstrip("/")), "the name is not valid UTF-8")
            elif name in links:
                yield from self._linked(path, *about)
            elif name.endswith("/"):
                if not elsewhere or self._is_new(path):
                    yield _Folder(path, elsewhere)
            elif not elsewhere or self._is_new(path):
                yield from self._checked(path, *about)

    def _linked(
        self, path: str, texts: Set[str], beside_sheet: bool
    ) -> Iterator[Found | Rejected | _Folder]:
        """The file or folder that a link leads to, or why it is not followed."""
        place = self._place + path
        try:
            status = os.stat(place)  # noqa: PTH116  # A Path takes longer than the system.
        except FileNotFoundError:
            yield Rejected(path, "a link to nothing")
            return
        except OSError as error:  # For example a link into a folder without permission.
            yield Rejected(path, f"a link that cannot be followed: {error.strerror}")
            return
        target = os.path.realpath(place)
        inside = self._inside(target)
        if stat.S_ISDIR(status.st_mode):
            reason = self._folder_refusal(target, inside)
        elif inside is not None and self._is_listed(inside):
            reason = f"a link to '{inside}', which is in the folder itself"
        elif inside is None and not self._leaving:
            reason = f"a link that leaves the folder {_ALLOW}"
        else:
            reason = ""
        if not reason and not self._is_new(path):
            reason = "a link to what another link leads to"
        if reason:
            yield Rejected(path, reason)
        elif stat.S_ISDIR(status.st_mode):
            yield _Folder(f"{path}/", elsewhere=True)
        else:
            yield from self._checked(path, texts, beside_sheet)

    def _folder_refusal(self, target: str, inside: str | None) -> str:
        """Why a link to a folder is not followed; empty if it is."""
        if not self._follow:
            return f"a link to a folder {_ALLOW}"
        if inside is not None and self._is_listed(inside):
            return "a link to a folder in the folder itself"
        if f"{self._real_root}/".startswith(f"{target.rstrip('/')}/"):
            return "a link to a folder that holds this one"
        return ""

    def _inside(self, target: str) -> str | None:
        """The path of a target relative to the root; None if it lies elsewhere."""
        if target == self._real_root:
            return ""
        head = f"{self._real_root.rstrip('/')}/"
        return target.removeprefix(head) if target.startswith(head) else None

    def _is_listed(self, path: str) -> bool:
        """Whether a path is listed by itself: no part of it is hidden, and no pattern excludes."""
        hidden = any(part.startswith(".") for part in path.split("/"))
        return not hidden and self._chooser.includes(path)

    def _is_new(self, path: str) -> bool:
        """Whether nothing has led to a file or folder elsewhere before."""
        try:
            status = os.stat(self._place + path)  # noqa: PTH116
        except OSError:
            return True  # Named when it is read.
        identity = status.st_dev, status.st_ino
        is_new = identity not in self._seen
        self._seen.add(identity)
        return is_new

    def _checked(
        self, path: str, texts: Set[str], beside_sheet: bool
    ) -> Iterator[Found | Rejected]:
        try:
            status = os.stat(self._place + path)  # noqa: PTH116
        except OSError as error:  # The file was removed meanwhile.
            yield Rejected(path, f"cannot be read: {error.strerror}")
            return
        if not stat.S_ISREG(status.st_mode):
            yield Rejected(path, f"is {kind_of(status.st_mode)} and no file")
        elif self._is_text_output(path):
            yield Rejected(path, MADE_BY_SFUMATO)
        else:
            times = status.st_mtime_ns, status.st_ctime_ns
            yield Found(path, status.st_size, *times, texts, beside_sheet)

    def _is_text_output(self, path: str) -> bool:
        may_be = path.endswith(".jsonl") and not self._outputs
        return may_be and is_text_output(Path(self._place + path))


class _Folder(NamedTuple):
    """A folder to list next.

    Attributes:
        path: Its path with a slash at the end, which sorts names in the order of whole paths.
        elsewhere: Whether a link has led out of the root.
    """

    path: str
    elsewhere: bool


def _names(folder: str) -> tuple[list[str], set[str]]:
    """The sorted names in a folder, and those that are links."""
    names: list[str] = []
    links: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.add(entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            names.append(f"{entry.name}/" if is_folder else entry.name)
    names.sort()
    return names, links


def _shown(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def why_nothing_found(other: Counter[str], rejected: Sequence[tuple[str, str]]) -> str:
    """Why a folder holds no usable file.

    Args:
        other: Number of files by suffix that are of other kinds.
        rejected: Path and reason of each file that was set aside.
    """
    first = "; ".join(
        f"{path} {reason}" if path.startswith("--") else f"{path}: {reason}"
        for path, reason in rejected[:_SHOWN_REASONS]
    )
    if rejected and not other:
        return f"everything in it was set aside: {first}"
    if other:
        counts = ", ".join(f"{count} x {suffix}" for suffix, count in other.most_common(5))
        aside = f"; set aside: {first}" if rejected else ""
        return f"it holds other files: {counts}{aside}"
    return "the folder is empty"
