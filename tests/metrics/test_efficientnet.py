from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as arrays_in
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d

from sfumato.catalogue.assets import as_safetensors
from sfumato.errors import DamagedFile, DataError
from sfumato.metrics import efficientnet as module
from sfumato.metrics.efficientnet import FILE, EfficientNet, Network, Unit
from sfumato.metrics.extractor import Extractor
from sfumato.storage import default_cache

# The user's own; tests get another.
MODELS = default_cache() / "models"

UInt8 = NDArray[np.uint8]


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """Random weights under the names, and of the shapes, that the catalogue fetches."""
    names = arrays_in(as_safetensors(bytes(18_826_032), "efficientnet-lite0.tsv"))
    rng = torch.Generator().manual_seed(0)
    found = {}
    for name, array in names.items():
        drawn = torch.randn(array.shape, generator=rng)
        if name.endswith("kernel"):
            drawn *= (2 / array[0].size) ** 0.5
        elif name.endswith(("gain", "variance")):
            drawn = 1 + 0.1 * drawn.abs()
        else:
            drawn *= 0.1
        found[name] = drawn
    return found


@pytest.fixture
def folder(tmp_path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, tmp_path / FILE)
    return tmp_path


def pictures(count: int = 3, channels: int = 3, side: int = 20) -> UInt8:
    shape = (count, channels, side, side)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((6, 4, 1, 1), 1), ((4, 1, 3, 3), 1), ((4, 1, 5, 5), 1), ((4, 1, 3, 3), 2), ((4, 1, 5, 5), 2)],
)
def test_a_unit_is_a_convolution_and_a_normalisation(
    shape: tuple[int, int, int, int], stride: int
) -> None:
    rng = torch.Generator().manual_seed(1)
    kernel = torch.randn(shape, generator=rng)
    gain, shift, mean, spread = torch.randn(4, shape[0], generator=rng)
    parts = {"kernel": kernel, "gain": gain, "shift": shift, "mean": mean, "variance": spread**2}
    unit = Unit({f"u.{key}": value for key, value in parts.items()}, "u", shape, stride)
    x = torch.randn(2, 4, 12, 12, generator=rng)
    groups = 4 // shape[1]
    plain = conv2d(x, kernel, padding="same", groups=groups)
    expected = batch_norm(plain, mean, spread**2, gain, shift, eps=1e-3)
    if stride == 2:
        # With the odd zero after the end, windows are centred on odd places.
        expected = expected[:, :, 1::2, 1::2]
    assert torch.allclose(unit(x), expected, atol=1e-5)


def test_the_network_is_that_of_the_package(tensors: dict[str, Tensor]) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    peer = package.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs = {name: value for name, value in peer.state_dict().items() if "_fc" not in name}
    parts = {"gain": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
    for name, tensor in tensors.items():
        place, unit, part = re.fullmatch(r"(blocks\.\d+\.)?(\w+)\.(\w+)", name).groups()  # type: ignore[union-attr]
        norm = {"expand": 0, "stem": 0, "depthwise": 1, "head": 1, "project": 2}[unit]
        if place and f"_{place}_expand_conv.weight" not in theirs:
            norm = {"depthwise": 1, "project": 2}[unit]
        conv = f"{unit}_conv" if place else f"conv_{unit}"
        full = f"_{place or ''}_{conv}.weight" if place else f"_{conv}.weight"
        if part != "kernel":
            full = f"_{place}_bn{norm}.{parts[part]}" if place else f"_bn{norm}.{parts[part]}"
        assert theirs[full].shape == tensor.shape
        theirs[full].copy_(tensor)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(2)) / 2
    with torch.inference_mode():
        expected = peer.extract_features(x).mean((2, 3))
        found = Network(tensors).eval()(x)
    assert found.shape == (2, 1280)
    assert expected.std() > 0.1
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_pictures_are_prepared(folder: Path, tensors: dict[str, Tensor]) -> None:
    extractor = EfficientNet(folder)
    typed: Extractor[UInt8] = extractor
    # Already of the size of the network.
    native = pictures(1, side=module._SIZE)
    with torch.no_grad():
        expected = Network(tensors)((torch.from_numpy(native).float() - 127) / 128)
    assert typed(native).numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-5)
    grey = pictures(1, channels=1)
    assert torch.allclose(extractor(grey), extractor(grey.repeat(3, 1)), atol=1e-4)
    clear = np.concatenate([pictures(1), np.zeros((1, 1, 20, 20), np.uint8)], 1)
    white = np.full((1, 3, 20, 20), 255, np.uint8)
    assert torch.allclose(extractor(clear), extractor(white), atol=1e-4)


def test_each_picture_for_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = EfficientNet(folder)
    whole = extractor(pictures())
    assert whole.shape == (3, extractor.dimension)
    monkeypatch.setattr(module, "_PIECE", 1)
    assert torch.allclose(extractor(pictures()), whole, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole[0], whole[1], atol=1e-3)


def test_the_identity_is_that_of_the_weights_and_the_size(
    folder: Path, tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = EfficientNet(folder).identity
    assert EfficientNet(folder).identity == first
    changed = {**tensors, "head.shift": tensors["head.shift"] + 1}
    save_file(changed, folder / FILE)
    second = EfficientNet(folder).identity
    monkeypatch.setattr(module, "_SIZE", 160)
    assert len({first, second, EfficientNet(folder).identity}) == 3


@pytest.mark.parametrize("damage", ["text", "missing", "shape"])
def test_files_that_are_missing_or_broken(
    tmp_path: Path, tensors: dict[str, Tensor], damage: str
) -> None:
    with pytest.raises(DataError, match=FILE):
        EfficientNet(tmp_path)
    if damage == "text":
        (tmp_path / FILE).write_text("no tensors")
    elif damage == "missing":
        save_file({"stem.kernel": tensors["stem.kernel"]}, tmp_path / FILE)
    else:
        save_file({**tensors, "head.kernel": torch.zeros(1280, 320)}, tmp_path / FILE)
    with pytest.raises(DamagedFile, match="not hold an EfficientNet"):
        EfficientNet(tmp_path)


def test_the_real_one_knows_alike_from_different() -> None:
    folders = sorted(MODELS.glob("efficientnet-lite0-*"))
    if not folders:
        pytest.skip("the network has not been fetched")
    columns = np.arange(64)
    wave = (128 + 100 * np.sin(columns / 3)).astype(np.uint8)
    upright = np.broadcast_to(wave, (3, 64, 64))
    moved = np.roll(upright, 9, 2)
    found = EfficientNet(folders[0])(np.stack([upright, moved, upright.swapaxes(1, 2)]))
    assert (found >= 0).all()
    assert (found <= 6).all()
    assert 2 * (found[0] - found[1]).norm() < (found[0] - found[2]).norm()
