"""A look at the headers of all files of a folder: durations, rates, channels and formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from sfumato.data.index import Index
from sfumato.errors import DataError, MissingExtra
from sfumato.sound.open import audio_header
from sfumato.sound.source import Header


class Survey:
    """The headers of the files of a folder, which are read when they are first needed.

    Args:
        index: The files.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    @cached_property
    def headers(self) -> Mapping[str, Header]:
        """The header of each file by its path below the folder.

        A file whose header cannot be read is absent; it is set aside when it is read.
        """
        headers = {}
        for item in self._index.items:
            if item.path in headers:
                continue
            try:
                headers[item.path] = audio_header(self._index.file(item))
            except (DataError, MissingExtra):
                continue
        return headers

    def of_files(self, paths: Iterable[str]) -> list[Header]:
        """The headers of some of the files, each once."""
        used = dict.fromkeys(paths)
        return [self.headers[path] for path in used if path in self.headers]


def seconds_of(header: Header) -> float | None:
    """The duration that a header states, in seconds; None if it states none."""
    return None if header.frames is None else header.frames / header.rate


def counted(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
