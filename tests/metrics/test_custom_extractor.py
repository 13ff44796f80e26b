from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.custom_extractor import ModuleExtractor, OnnxExtractor, unit_images
from sfumato.metrics.extractor import Clips, Extractor

UInt8 = NDArray[np.uint8]
Axis = int | str


def pictures(count: int = 3, channels: int = 3, side: int = 16) -> UInt8:
    shape = (count, channels, side, side)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def means(x: UInt8) -> NDArray[np.float64]:
    return x.mean((2, 3)) / 255


class Means(nn.Module):
    """The mean of each channel, and a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.ones(1))
        self.kept = nn.Buffer(torch.zeros(1), persistent=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        assert len(x) <= 32
        return self.dropout(x.double().mean((2, 3), keepdim=True) * self.own)


def test_a_module_evaluates_pictures() -> None:
    module = Means()
    extractor = ModuleExtractor(module, "means", 3, unit_images)
    typed: Extractor[UInt8] = extractor
    found = typed(pictures(70))
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert found.numpy() == pytest.approx(means(pictures(70)), abs=1e-6)
    assert module.training
    assert extractor(pictures(0)).shape == (0, 3)
    with pytest.raises(DataError, match="not hold images"):
        extractor(np.zeros((1, 3, 8, 8)))  # type: ignore[arg-type]


def test_later_training_changes_nothing() -> None:
    module = Means()
    extractor = ModuleExtractor(module, "means", 3, unit_images)
    before = extractor(pictures())
    with torch.no_grad():
        module.own += 1
    assert extractor(pictures()).equal(before)


def test_the_identity_is_that_of_name_parameters_and_buffers() -> None:
    def identity(name: str = "means", own: float = 1, kept: float = 0) -> str:
        module = Means()
        nn.init.constant_(module.own, own)
        module.kept.fill_(kept)
        return ModuleExtractor(module, name, 3, unit_images).identity

    assert identity() == identity()
    assert len({identity(), identity("others"), identity(own=2), identity(kept=1)}) == 4


def test_a_module_of_sounds_and_of_texts() -> None:
    clips = Clips(torch.arange(66.0).reshape(33, 2, 1).repeat(1, 1, 5), 8000)
    loud = ModuleExtractor(nn.Identity(), "mean", 2, lambda clips: clips.samples.mean(2))  # type: ignore[var-annotated]
    assert loud(clips).tolist() == clips.samples[:, :, 0].tolist()

    def lengths(texts: Sequence[str]) -> Tensor:
        return torch.tensor([[len(text)] for text in texts])

    found = ModuleExtractor(nn.Identity(), "length", 1, lengths)(["a", "", "long"])
    assert found.tolist() == [[1], [0], [4]]


@pytest.mark.parametrize(
    "module", [nn.Identity(), nn.Flatten(0), nn.AdaptiveAvgPool2d(2), nn.LSTM(16, 3)]
)
def test_a_module_that_gives_something_else(module: nn.Module) -> None:
    def prepare(items: UInt8) -> Tensor:
        x = unit_images(items)
        return x[:, 0] if isinstance(module, nn.LSTM) else x

    with pytest.raises(DataError, match="should give 3 numbers"):
        ModuleExtractor(module, "wrong", 3, prepare)(pictures())


# An ONNX file is a protocol buffer, and a small one is written by hand.


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    data = value.encode() if isinstance(value, str) else value
    size = (
        bytes([len(data)]) if len(data) < 128 else bytes([len(data) % 128 + 128, len(data) // 128])
    )
    return bytes([number << 3 | 2]) + size + data


def tensor(name: str, axes: Sequence[Axis], kind: int) -> bytes:
    def varint(axis: int) -> bytes:
        return bytes([1 << 3, axis % 128 + 128, axis // 128])

    sizes = [field(2, axis) if isinstance(axis, str) else varint(axis) for axis in axes]
    shape = b"".join(field(1, size) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def onnx(path: Path, operation: str, axes: Sequence[Axis], inputs: int = 1, kind: int = 1) -> Path:
    """A file of one operation; kind 1 is float32, 11 is float64."""
    names = [f"x{k}" for k in range(inputs)]
    node = b"".join(field(1, name) for name in names) + field(2, "y") + field(4, operation)
    graph = field(1, node) + field(2, "g")
    graph += b"".join(field(11, tensor(name, axes, kind)) for name in names)
    graph += field(12, field(1, "y") + field(2, field(1, field(1, kind))))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)))
    return path


@pytest.fixture
def package() -> None:
    pytest.importorskip("onnxruntime")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.onnx"


@pytest.mark.parametrize("items", ["n", 1])
@pytest.mark.usefixtures("package")
def test_a_file_takes_pictures_of_any_kind(file: Path, items: Axis) -> None:
    onnx(file, "GlobalAveragePool", [items, 3, "h", "w"])
    extractor = OnnxExtractor.of_images(file)
    typed: Extractor[UInt8] = extractor
    assert (extractor.name, extractor.dimension) == ("mine", 3)
    assert typed(pictures(35)).numpy() == pytest.approx(means(pictures(35)), abs=1e-5)
    grey = pictures(channels=1)
    assert extractor(grey).numpy() == pytest.approx(means(grey).repeat(3, 1), abs=1e-5)
    clear = pictures(channels=4)
    clear[:, 3] = 0
    assert extractor(clear).eq(1).all()
    assert extractor(pictures(0)).shape == (0, 3)


@pytest.mark.usefixtures("package")
def test_pictures_are_resized_to_what_a_file_states(file: Path) -> None:
    onnx(file, "Identity", ["n", 3, 24, 10])
    extractor = OnnxExtractor.of_images(file)
    assert extractor.dimension == 720
    flat = np.full((2, 3, 16, 16), 51, np.uint8)
    assert extractor(flat).numpy() == pytest.approx(0.2, abs=1e-6)


@pytest.mark.usefixtures("package")
def test_a_file_whose_output_grows_with_the_picture(file: Path) -> None:
    extractor = OnnxExtractor.of_images(onnx(file, "Identity", ["n", 3, "h", "w"]))
    assert extractor(pictures(side=64)).shape == (3, 3 * 64 * 64)
    with pytest.raises(DataError, match="should give 12288 numbers"):
        extractor(pictures(side=16))


@pytest.mark.usefixtures("package")
def test_a_file_takes_sounds(file: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    clips = Clips(torch.randn(3, 2, 50, generator=rng), 8000)
    typed: Extractor[Clips] = OnnxExtractor.of_audio(onnx(file, "GlobalMaxPool", ["n", "c", "t"]))
    # It was asked with one channel, and gives a number for each.
    assert typed.dimension == 1
    assert typed(Clips(clips.samples[:, :1], 8000)).equal(clips.samples[:, :1].amax(2))
    for axes, expected in (
        (["n", 2, "t"], clips.samples.amax(2)),
        (["n", 1, "t"], clips.samples.mean(1, keepdim=True).amax(2)),
        (["n", 1, 50], clips.samples.mean(1, keepdim=True).amax(2)),
    ):
        extractor = OnnxExtractor.of_audio(onnx(file, "GlobalMaxPool", axes))
        assert torch.allclose(extractor(clips), expected)
    flat = OnnxExtractor.of_audio(onnx(file, "Identity", ["n", 50]))
    assert torch.allclose(flat(clips), clips.samples.mean(1))


@pytest.mark.parametrize("axes", [["n", 3, "t"], ["n", 1, 49], ["n", 49]])
@pytest.mark.usefixtures("package")
def test_sounds_of_another_shape(file: Path, axes: list[Axis]) -> None:
    extractor = OnnxExtractor.of_audio(onnx(file, "Identity", axes))
    with pytest.raises(DataError, match="does not take these audio clips") as caught:
        extractor(Clips(torch.zeros(2, 2, 50), 8000))
    assert "2 channels of 50 samples" in caught.value.why


@pytest.mark.usefixtures("package")
def test_the_identity_is_that_of_content_and_kind(tmp_path: Path) -> None:
    first, same = (onnx(tmp_path / name, "Identity", ["n", 1, 9, 9]) for name in "ab")
    with pytest.raises(DataError, match="should take images"):
        OnnxExtractor.of_images(first)
    free = [onnx(tmp_path / name, "Identity", ["n", 3, 9, 9]) for name in "cd"]
    other = onnx(tmp_path / "e", "Relu", ["n", 3, 9, 9])
    found = [OnnxExtractor.of_images(path).identity for path in (*free, other)]
    assert found[0] == found[1] != found[2]
    assert first.read_bytes() == same.read_bytes()


@pytest.mark.parametrize(
    ("axes", "settings", "why"),
    [
        (["n", 3, 8], {}, "should take images"),
        (["n", 2, 8, 8], {}, "should take images"),
        ([4, 3, 8, 8], {}, "takes exactly 4 items at a time"),
        (["n", 3, 8, 8], {"kind": 11}, "one float32 input"),
        (["n", 3, 8, 8], {"inputs": 2}, "one float32 input"),
    ],
)
@pytest.mark.usefixtures("package")
def test_files_that_take_something_else(
    file: Path, axes: list[Axis], settings: dict[str, int], why: str
) -> None:
    operation = "Add" if settings.get("inputs") == 2 else "Identity"
    with pytest.raises(DataError, match=why):
        OnnxExtractor.of_images(onnx(file, operation, axes, **settings))


@pytest.mark.usefixtures("package")
def test_files_that_are_missing_or_broken(file: Path) -> None:
    with pytest.raises(DataError, match="There is no"):
        OnnxExtractor.of_images(file)
    file.write_bytes(b"not a model")
    with pytest.raises(DataError, match="not a model that can be run"):
        OnnxExtractor.of_audio(file)
    with pytest.raises(DataError, match="should take audio clips"):
        OnnxExtractor.of_audio(onnx(file, "Identity", ["n", 3, 8, 8]))


def test_a_missing_package_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # type: ignore[arg-type]
    file.touch()
    with pytest.raises(MissingExtra, match=r"mine\.onnx needs the package 'onnxruntime'"):
        OnnxExtractor.of_images(file)
