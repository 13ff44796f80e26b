"""The identity of texts: a table of all files, and digests that reveal damaged tokens."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sfumato.data.cache import open_array, write_arrays
from sfumato.data.digests import DIGEST_BYTES, Entry, digest_of
from sfumato.data.items import Packer, Strings
from sfumato.media.text.documents import Document, Problem, documents_in
from sfumato.media.text.files import TextFile, TextFiles
from sfumato.media.text.settings import TextSettings

PATHS, PATH_OFFSETS = "files.npy", "file_offsets.npy"
STATS, DIGESTS = "file_stats.npy", "file_digests.npy"
_CHUNK = 1 << 18


class FileDigest:
    """A digest of the documents and problems of one file."""

    def __init__(self) -> None:
        self._content = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def add(self, found: Document | Problem, digest: bytes = b"") -> None:
        """Add the next document, with the digest of its text, or the next problem."""
        about = found if isinstance(found, Problem) else (found.name, found.label, found.held_out)
        self._content.update(repr(tuple(about)).encode(errors="backslashreplace") + digest)

    def finish(self) -> bytes:
        """The digest."""
        return self._content.digest()


def digest_of_file(root: Path, file: TextFile, settings: TextSettings) -> bytes:
    """Read a file to compute its digest."""
    content = FileDigest()
    for found in documents_in(root, file, settings):
        if isinstance(found, Document):
            content.add(found, digest_of(found.text.encode()))
        elif isinstance(found, Problem):
            content.add(found)
    return content.finish()


@dataclass(frozen=True)
class FileTable:
    """The paths, statistics and digests of F files, in the order of their paths.

    Attributes:
        paths: Paths relative to the folder.
        stats: See :attr:`TextFile.stats`, int64, shape (F, 4).
        digests: Digest of each file, see :class:`FileDigest`; uint8, shape (F, 16).
    """

    paths: Strings
    stats: NDArray[np.int64]
    digests: NDArray[np.uint8]

    @classmethod
    def of(cls, files: Iterable[TextFile], digests: bytes) -> FileTable:
        """The table of some files."""
        paths, stats = Packer(), []
        for file in files:
            paths.add(file.path)
            stats.append(file.stats)
        rows = np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)
        return cls(paths.finish(), np.array(stats, np.int64), rows)

    @classmethod
    def read(cls, folder: Path, count: int) -> FileTable:
        """Open the table of a cache folder.

        Raises:
            OSError: The table is missing.
            ValueError: The table has another shape.
        """
        offsets = open_array(folder / PATH_OFFSETS, (count + 1,), np.dtype(np.int64))
        data = open_array(folder / PATHS, (int(offsets[-1]),), np.dtype(np.uint8))
        return cls(
            Strings(data, offsets),
            open_array(folder / STATS, (count, 4), np.dtype(np.int64)),
            open_array(folder / DIGESTS, (count, DIGEST_BYTES), np.dtype(np.uint8)),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def write(self, folder: Path) -> None:
        """Write the table into a cache folder."""
        arrays: dict[str, NDArray[Any]] = {
            PATHS: self.paths.data,
            PATH_OFFSETS: self.paths.offsets,
            STATS: self.stats,
            DIGESTS: self.digests,
        }
        for name in arrays:
            # The file may be a link to the table of another cache folder.
            (folder / name).unlink(missing_ok=True)
        write_arrays(folder, arrays)

    def entries(self) -> Iterator[Entry]:
        """The identity of every file."""
        for place, path in enumerate(self.paths):
            digest, size = self.digests[place].tobytes().hex(), int(self.stats[place, 0])
            yield Entry(path, 0, digest, size=size)

    def describes(self, texts: TextFiles, settings: TextSettings) -> bool:
        """Whether the files have the same contents as in the table; changed files are read."""
        if len(self) != len(texts.files):
            return False
        for place, (path, file) in enumerate(zip(self.paths, texts.files, strict=True)):
            if path != file.path:
                return False
            if file.stats != tuple(self.stats[place].tolist()):
                digest = digest_of_file(texts.root, file, settings)
                if digest != self.digests[place].tobytes():
                    return False
        return True


class Chunks:
    """Digests of a long array of tokens, in chunks of 256 KiB.

    Args:
        tokens: The array.
        digests: Digest of each chunk, uint8, shape (K, 16).

    Raises:
        ValueError: The number of digests is wrong.
    """

    def __init__(self, tokens: NDArray[Any], digests: NDArray[np.uint8]) -> None:
        if len(digests) != -(-tokens.nbytes // _CHUNK):
            raise ValueError(f"expected digests of {tokens.nbytes} bytes: {len(digests)}")
        self._tokens = tokens
        self._digests = digests
        self._step = _CHUNK // tokens.itemsize
        self._compared = np.zeros(len(digests), np.bool_)

    def are_intact(self, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> bool:
        """Whether the chunks of some ranges of tokens match their digests."""
        if self._compared.all():
            return True
        ends = begins + np.maximum(sizes, 1) - 1
        for first, last in zip(begins // self._step, ends // self._step, strict=True):
            for chunk in range(int(first), min(int(last) + 1, len(self._digests))):
                if not self._compared[chunk] and not self._is_intact(chunk):
                    return False
                self._compared[chunk] = True
        return True

    def _is_intact(self, chunk: int) -> bool:
        part = self._tokens[chunk * self._step : (chunk + 1) * self._step]
        return bool(digest_of(part.data) == self._digests[chunk].tobytes())


def chunk_digests(path: Path) -> NDArray[np.uint8]:
    """The digests of a file of tokens, see :class:`Chunks`."""
    with path.open("rb") as file:
        digests = b"".join(map(digest_of, _chunks(file)))
    return np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def link_files(folder: Path, target: Path, names: Sequence[str]) -> None:
    """Add files of a cache folder to another one, as hard links if the disk allows it."""
    for name in names:
        try:
            os.link(folder / name, target / name)
        except OSError:
            shutil.copyfile(folder / name, target / name)
