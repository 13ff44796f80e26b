from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics import audio_features
from sfumato.metrics.audio_features import EMBEDDING_FILE, MEL_FILE, LogMel, SpeechEmbedding
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.storage import default_cache

# The user's own; tests get another.
MODELS = default_cache() / "models"

RATE = 16_000


class StandIn:
    """A mel whose bands are all the mean of a frame; an embedding that is the mean of a window."""

    def __init__(self, path: str, **settings: Any) -> None:
        self.is_mel = path.endswith(MEL_FILE)

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="input")]

    def run(self, outputs: None, feeds: dict[str, NDArray[np.float32]]) -> list[Any]:
        (value,) = feeds.values()
        assert value.dtype == np.float32
        if self.is_mel:
            assert len(value) == 1
            count = (value.shape[1] - 480) // 160
            frames = [value[:, 160 * i : 160 * i + 640].mean(1) for i in range(count)]
            return [np.broadcast_to(np.stack(frames, 1)[:, None, :, None], (1, 1, count, 32))]
        assert value.shape[1:] == (76, 32, 1)
        mean = value.mean((1, 2, 3), keepdims=True)
        return [np.broadcast_to(mean, (len(value), 1, 1, 96))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (MEL_FILE, EMBEDDING_FILE):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    package = SimpleNamespace(InferenceSession=StandIn, SessionOptions=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "onnxruntime", package)  # type: ignore[arg-type]
    return package


def test_windows_are_averaged(folder: Path, package: SimpleNamespace) -> None:
    embedding: Extractor[Clips] = SpeechEmbedding(folder)
    # Constant sound: all windows are alike, and the scales of 16 bits and of the mel apply.
    found = embedding(Clips(torch.full((20, 2, 2 * RATE), 0.25), RATE))
    assert found.shape == (20, embedding.dimension)
    assert found.dtype == torch.float32
    assert found[:, :96].numpy() == pytest.approx((0.25 * 32767 / 10 + 2) / 10, rel=1e-5)
    assert found[:, 96:].abs().max() < 1e-3


def test_the_identity_follows_the_files(folder: Path, package: SimpleNamespace) -> None:
    before = SpeechEmbedding(folder).identity
    (folder / MEL_FILE).write_bytes(b"other weights")
    assert SpeechEmbedding(folder).identity != before


def test_what_changes_has_a_spread(folder: Path, package: SimpleNamespace) -> None:
    rising = torch.linspace(0, 1, 3 * RATE).expand(1, 1, -1)
    found = SpeechEmbedding(folder)(Clips(rising, RATE))[0]
    # Windows from 0 to 3 s less their own length, evenly spaced: a uniform law.
    length = (3 - 0.79) / 3 * 32767 / 100
    assert found[96].item() == pytest.approx(length / 12**0.5, rel=0.05)


def test_short_clips_are_followed_by_silence(folder: Path, package: SimpleNamespace) -> None:
    found = SpeechEmbedding(folder)(Clips(torch.ones(1, 1, 100), RATE))[0]
    assert 0.2 < found[0] < 1
    assert found[96:].eq(0).all()
    assert SpeechEmbedding(folder)(Clips(torch.ones(0, 1, 100), RATE)).shape == (0, 192)


def test_files_that_are_missing_or_broken(
    folder: Path, package: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: str, **settings: Any) -> None:
        raise RuntimeError("Protobuf parsing failed")

    monkeypatch.setattr(package, "InferenceSession", broken)
    with pytest.raises(DataError, match="not a model that can be run") as caught:
        SpeechEmbedding(folder)
    assert "Protobuf" in caught.value.why
    (folder / MEL_FILE).unlink()
    with pytest.raises(DataError, match=MEL_FILE):
        SpeechEmbedding(folder)


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match="onnxruntime") as caught:
        SpeechEmbedding(folder)
    assert "sfumato[audio-metrics]" in caught.value.hint


@pytest.fixture(scope="module")
def real() -> SpeechEmbedding:
    pytest.importorskip("onnxruntime")
    folders = sorted(MODELS.glob("audio-embedding-*"))
    if not folders:
        pytest.skip("no embedding has been fetched")
    return SpeechEmbedding(folders[0])


def test_the_real_one_takes_each_clip_for_itself(real: SpeechEmbedding) -> None:
    clips = torch.randn(3, 1, RATE, generator=torch.Generator().manual_seed(0)) / 8
    clips[0] /= 1000
    whole = real(Clips(clips, RATE))
    assert whole.shape == (3, 192)
    for index in range(3):
        alone = real(Clips(clips[index : index + 1], RATE))
        assert torch.allclose(alone[0], whole[index], atol=1e-4)
    assert (whole[0] - whole[1]).norm() > (whole[1] - whole[2]).norm()


EXTRACTOR: Extractor[Clips] = LogMel()


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Tensor:
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def clicks(at: list[float]) -> Tensor:
    x = torch.zeros(RATE)
    for second in at:
        start = round(second * RATE)
        x[start : start + 400] = torch.randn(400, generator=torch.Generator().manual_seed(1)) / 4
    return x


def embedded(*clips: Tensor, rate: int = RATE) -> Tensor:
    return EXTRACTOR(Clips(torch.stack(clips)[:, None], rate))


@pytest.mark.parametrize("rate", [4000, 16_000, 48_000])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_rate_and_channels(rate: int, seconds: float, channels: int) -> None:
    noise = torch.randn(2, channels, round(rate * seconds)) / 8
    found = EXTRACTOR(Clips(noise, rate))
    assert found.shape == (2, EXTRACTOR.dimension)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert found.abs().max() < 3


def test_silence_is_at_the_bottom() -> None:
    found = EXTRACTOR(Clips(torch.zeros(1, 1, RATE), RATE))[0]
    mean, spread, grid = found.split([64, 64, 256])
    assert mean.eq(-2).all()
    assert spread.eq(0).all()
    assert grid.eq(-2).all()


def test_a_steady_tone_is_one_band_and_does_not_move() -> None:
    low, high = embedded(tone(300), tone(3000))
    assert low[:64].argmax() < high[:64].argmax()
    grid = high[128:].view(16, 16)
    assert grid.argmax(0).unique().numel() == 1
    # But for the edges, where it begins and ends.
    assert grid[grid[:, 8].argmax(), 1:-1].std() < 0.01


def test_the_course_of_time_is_kept() -> None:
    early, late = embedded(clicks([0.1]), clicks([0.8]))
    assert early[:128] == pytest.approx(late[:128], abs=0.1)
    grids = torch.stack([early[128:], late[128:]]).view(2, 16, 16).mean(1)
    assert grids.argmax(1).tolist() == [1, 12]


def test_what_sounds_alike_is_near() -> None:
    original, quieter, shifted, other = embedded(
        clicks([0.2, 0.5]), 0.9 * clicks([0.2, 0.5]), clicks([0.205, 0.505]), clicks([0.3, 0.9])
    )
    near = max((original - each).norm() for each in (quieter, shifted))
    assert 3 * near < (original - other).norm()


def test_channels_can_change_places_and_do_not_cancel() -> None:
    left, right = tone(440), torch.randn(RATE) / 8
    both = EXTRACTOR(
        Clips(torch.stack([torch.stack([left, right]), torch.stack([right, left])]), RATE)
    )
    assert torch.allclose(both[0], both[1], atol=1e-5)
    against = EXTRACTOR(Clips(torch.stack([left, -left])[None], RATE))
    assert torch.allclose(against, embedded(left), atol=1e-5)


def test_each_clip_is_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = torch.randn(5, 1, 2000) / 8
    whole = EXTRACTOR(Clips(clips, RATE))
    monkeypatch.setattr(audio_features, "_PIECE", 4000)
    assert torch.allclose(EXTRACTOR(Clips(clips, RATE)), whole, atol=1e-5)
    assert torch.allclose(EXTRACTOR(Clips(clips[3:4], RATE))[0], whole[3], atol=1e-5)
    assert EXTRACTOR(Clips(clips[:0], RATE)).shape == (0, EXTRACTOR.dimension)


def test_the_identity_is_a_digest() -> None:
    assert re.fullmatch("[0-9a-f]{16}", EXTRACTOR.identity)
