from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sfumato.errors import DataError
from sfumato.sound.open import audio_header, read_audio

MakeSound = Callable[..., Path]
STEPS = np.random.default_rng(0).integers(-9_000, 9_000, 4_000).astype(np.int16)


@pytest.mark.parametrize("subtype", ["PCM_16", "ALAC_16"])
@pytest.mark.parametrize("size", [-1, 0, 1 << 40])
def test_samples_without_a_size(make_sound: MakeSound, size: int, subtype: str) -> None:
    path = make_sound("a.caf", STEPS, subtype=subtype)
    whole = read_audio(path, 60).samples
    assert audio_header(path).note == ""
    content = bytearray(path.read_bytes())
    place = content.index(b"data", 52)
    last = struct.unpack(">q", content[place + 4 : place + 12])[0] + place + 12 == len(content)
    content[place + 4 : place + 12] = struct.pack(">q", size)
    path.write_bytes(content)
    if not last:
        pytest.skip("other chunks follow")
    np.testing.assert_array_equal(read_audio(path, 60).samples, whole)
    assert "how many" in audio_header(path).note or "more" in audio_header(path).note


def test_a_header_without_samples(make_sound: MakeSound) -> None:
    path = make_sound("a.caf", STEPS)
    content = path.read_bytes()
    for end in (4, 8, 30, 60, content.index(b"data", 52) + 12):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            read_audio(path, 60)
