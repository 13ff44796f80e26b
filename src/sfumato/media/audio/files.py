"""Which files of a folder are sounds."""

from __future__ import annotations

from sfumato.media.data.index import FileKind

_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
)  # fmt: skip
AUDIO = FileKind("sounds", frozenset(_SUFFIXES))
