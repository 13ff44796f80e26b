from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sfumato.media.text.library import Library
from sfumato.media.text.settings import TextSettings

MakeLibrary = Callable[..., Library]


@pytest.fixture
def library_of(tmp_path: Path) -> MakeLibrary:
    """Makes a library of byte tokens from texts and labels; nothing is held out."""
    made = 0

    def make(texts: Sequence[str], labels: Sequence[str] | None = None) -> Library:
        nonlocal made
        made += 1
        source = tmp_path / f"{made}.jsonl"
        records = [
            {"text": text} | ({} if labels is None else {"label": labels[number]})
            for number, text in enumerate(texts)
        ]
        source.write_text("\n".join(map(json.dumps, records)))
        settings = TextSettings(tokens="bytes")
        return Library.open_or_prepare(source, settings, 0.0, cache_dir=tmp_path / "cache")

    return make
