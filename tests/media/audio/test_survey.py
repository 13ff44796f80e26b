from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sfumato.data.index import scan
from sfumato.media.audio import survey
from sfumato.media.audio.reader import ClipReader, divided
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.survey import Survey, counted, seconds_of
from sfumato.sound.open import AUDIO, audio_header

MakeSound = Callable[..., Path]


def test_every_header_is_read_once_and_only_when_needed(
    make_sound: MakeSound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make_sound(f"{number}.wav", np.sin(np.arange(16_000 * (number + 1))), 4_000)
    (tmp_path / "data/broken.wav").write_text("no sound")
    index = scan(tmp_path / "data", AUDIO)
    seen: list[str] = []
    monkeypatch.setattr(
        survey, "audio_header", lambda path: seen.append(path.name) or audio_header(path)
    )
    found = Survey(index)
    assert divided(index, ClipReader(AudioSettings(cut="start")), found) is index
    assert not seen
    parts = divided(index, ClipReader(AudioSettings(cut="auto")), found)
    assert [item.part for item in parts.items] == [
        *range(4), *range(8), *range(12), 0,
    ]  # fmt: skip
    assert sorted(seen) == sorted(item.path for item in index.items)
    headers = found.of_files(item.path for item in parts.items)
    assert [seconds_of(header) for header in headers] == [4.0, 8.0, 12.0]
    assert len(seen) == 4


def test_counts() -> None:
    assert counted("abbbcc") == {"b": 3, "c": 2, "a": 1}
