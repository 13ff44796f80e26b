from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.metrics.speech_embedding import EMBEDDING_FILE, MEL_FILE, SpeechEmbedding
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
    with pytest.raises(DataError, match="no model that can be run") as caught:
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
