"""Folders as they really are: what can be read is, the rest is set aside, counted and named."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from sfumato.media.number_data import NumberData
from sfumato.media.text.medium import TextData
from sfumato.training.data import prepare
from sfumato.training.train import planned
from tests.faults.tally import Tally

_SIZE = 16


def _picture(seed: int, mode: str = "RGB") -> Image.Image:
    draw = np.random.default_rng(seed)
    return Image.fromarray(draw.integers(0, 256, (24, 20, 3), np.uint8)).convert(mode)


def _pictures(folder: Path) -> tuple[set[str], set[str]]:
    """Good ones and bad ones, by name."""
    whole = folder / "whole.png"
    _picture(0).save(whole)
    _picture(1, "CMYK").save(folder / "cmyk.jpg")
    deep = np.random.default_rng(2).integers(0, 65536, (24, 20)).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    rotated = Image.Exif()
    rotated[0x0112] = 6
    _picture(3).save(folder / "rotated.jpg", exif=rotated)
    _picture(4, "P").save(folder / "palette.gif")
    _picture(5, "1").save(folder / "bits.png")
    (folder / "truncated.png").write_bytes(whole.read_bytes()[:200])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no picture at all")
    return (
        {"whole.png", "cmyk.jpg", "deep.png", "rotated.jpg", "palette.gif", "bits.png"},
        {"truncated.png", "empty.jpg", "text.png"},
    )


def test_pictures(tmp_path: Path, tiny: tuple[str, ...], tally: Tally) -> None:
    fault = tally.fault(
        "21", "odd and broken pictures in a folder: converted, or set aside and named"
    )
    good, bad = _pictures(tmp_path)
    with fault.trial():
        data = list(prepare(tmp_path, planned("image", steps=1, changes=tiny)))[-1]
        assert isinstance(data, NumberData)
        assert {item.name for item in data.dataset.items} == good
        assert {path for path, _ in data.dataset.rejected} == bad
        assert all(reason for _, reason in data.dataset.rejected)


def _sounds(folder: Path) -> tuple[set[str], set[str]]:
    tone = 0.5 * np.sin(np.arange(8000) / 8)
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", tone * (1 - number / 9), 8000)
    soundfile.write(folder / "eight.wav", np.stack([tone * k / 9 for k in range(1, 9)], 1), 48_000)
    spoilt = tone.copy()
    spoilt[700] = np.nan
    soundfile.write(folder / "nan.wav", spoilt, 8000, subtype="FLOAT")
    soundfile.write(folder / "none.wav", tone[:0], 8000)
    soundfile.write(folder / "silent.wav", 0 * tone, 8000)
    claims = bytearray((folder / "0.wav").read_bytes())
    claims[4:8] = claims[40:44] = struct.pack("<I", 2**32 - 40)
    (folder / "claims.wav").write_bytes(claims)
    (folder / "text.wav").write_text("no sound at all")
    # What a header claims in vain is passed over: the samples that are there count.
    return {"0.wav", "1.wav", "2.wav", "eight.wav"}, {
        "nan.wav",
        "none.wav",
        "silent.wav",
        "text.wav",
    }


def test_sounds(tmp_path: Path, tally: Tally) -> None:
    fault = tally.fault(
        "22", "odd and broken sounds in a folder: converted, or set aside and named"
    )
    good, bad = _sounds(tmp_path)
    changes = ("medium.rate=8000", "medium.seconds=0.5", "medium.shift=0", "data.held_out=0")
    with fault.trial():
        data = list(prepare(tmp_path, planned("audio", steps=1, changes=changes)))[-1]
        assert isinstance(data, NumberData)
        assert good <= {item.path for item in data.dataset.items}
        assert bad <= {path for path, _ in data.dataset.rejected}
        assert np.isfinite(data.dataset.array).all()


@pytest.mark.parametrize("kind", ["plain", "records"])
def test_texts(kind: str, tmp_path: Path, tally: Tally) -> None:
    fault = tally.fault(
        "23", "bad UTF-8, marks of order, huge lines in texts: mended or named by line"
    )
    if kind == "plain":
        (tmp_path / "good.txt").write_text("The sea is blue. " * 9)
        (tmp_path / "mark.txt").write_bytes("\ufeffThe sea is green. ".encode() * 9)
        (tmp_path / "bad.txt").write_bytes(b"The sea\xff is grey. " * 9)
        (tmp_path / "zeros.txt").write_bytes(b"\0" * 99)
        source = tmp_path
        changes: tuple[str, ...] = ()
    else:
        rows = [json.dumps({"text": f"The sea is blue {n} times."}) for n in range(9)]
        lines = [
            "\ufeff" + rows[0],
            "{not json",
            rows[1] + " " * (3 << 20),
            *rows[2:],
            '{"text": 7}',
        ]
        source = tmp_path / "records.jsonl"
        source.write_text("\n".join(lines))
        changes = ("medium.max_line_mb=1",)
    changes = (*changes, "medium.context=32", "data.held_out=0")
    with fault.trial():
        data = list(prepare(source, planned("text", steps=1, changes=changes)))[-1]
        assert isinstance(data, TextData)
        named = {(problem.path, problem.line) for problem in data.library.problems}
        if kind == "plain":
            assert ("bad.txt", 1) in named
            assert data.facts.count >= 3
        else:
            assert {line for _, line in named} == {2, 3, 11}
            assert data.facts.count == 8
