"""EfficientNet-lite0: a small network trained on photographs, as an extractor of images.

Tan and Le 2019, "EfficientNet: Rethinking model scaling for convolutional neural networks",
arXiv:1905.11946; the lite form has no squeeze-and-excitation, and ReLU6 for its nonlinearity. The
blocks are those of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu6

from sfumato.errors import DamagedFile, DataError
from sfumato.metrics.extractor import identity_of
from sfumato.metrics.image_input import extract_features, resized, rgb

FILE = "model.safetensors"

_VERSION = 1
# Repeats, kernel size, stride of the first, expansion, channels: table 1 of the paper.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_FEATURES = 1280
_EPSILON = 1e-3
_MIDDLE, _UNIT = 127.0, 128.0
# A multiple of 32, so that every stride meets an even size.
_SIZE = 128
_PIECE = 8


class EfficientNet:
    """The 1,280 features by which EfficientNet-lite0 classifies ImageNet.

    Images are converted to rgb (grey repeated, alpha composited on white) and resized to 128 x 128,
    whatever their shape, which is smaller than the 224 x 224 of its training and four times as
    fast.

    The network was trained on photographs of objects. In drawings and digits it recognises parts
    and textures, but hardly their meaning. The features are sparse and none is below 0; their scale
    is that of the network. The same images give the same vectors on one machine.

    Args:
        folder: Holds ``model.safetensors``, as the catalogue's asset ``efficientnet-lite0`` does.

    Raises:
        DataError: There is no such file.
        DamagedFile: It does not hold this network.
    """

    name = "efficientnet-lite0"
    dimension = _FEATURES

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        if not path.is_file():
            raise DataError(f"There is no {path}.", hint=f"fetch the model '{self.name}' again.")
        try:
            self._tensors = load_file(path)
            self._network = Network(self._tensors).train(False)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            raise DamagedFile(
                f"{path} does not hold an EfficientNet-lite0.",
                why=str(error),
                hint=f"remove its folder and fetch the model '{self.name}' again.",
            ) from error

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return identity_of(f"{self.name} {_VERSION} {_SIZE}", self._tensors)

    def __call__(self, items: NDArray[np.uint8]) -> Tensor:
        """Turn images into vectors.

        Args:
            items: Shape (B, C, H, W), C = 1, 3 or 4, sides >= 8.

        Returns:
            float32, shape (B, 1280).

        Raises:
            DataError: These are not images.
        """
        return extract_features(items, self._vectors, self.dimension, _PIECE)

    def _vectors(self, images: Tensor) -> Tensor:
        x = resized(rgb(images), _SIZE, _SIZE)
        features: Tensor = self._network((x - _MIDDLE) / _UNIT)
        return features


class Network(nn.Module):
    """The network from images to features.

    Args:
        tensors: The trained weights, those of each unit under its name: ``stem``,
            ``blocks.K.expand``, ``blocks.K.depthwise``, ``blocks.K.project``, ``head``.

    Raises:
        KeyError: A weight is missing.
        RuntimeError: A weight has another shape.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = Unit(tensors, "stem", (_STEM, 3, 3, 3), stride=2)
        blocks: list[nn.Module] = []
        channels = _STEM
        for repeats, side, first, widening, out in _STAGES:
            for stride in (first, *(1,) * (repeats - 1)):
                name = f"blocks.{len(blocks)}"
                blocks.append(Block(tensors, name, channels, out, side, stride, widening))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(tensors, "head", (_FEATURES, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, 3, H, W), about -1 to 1, sides multiples of 32, to (B, 1280)."""
        deep: Tensor = relu6(self.head(self.blocks(relu6(self.stem(x)))))
        return deep.mean((2, 3))


class Block(nn.Module):
    """Expand, filter each channel by itself, project; and add the input if the shape stays."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        name: str,
        channels: int,
        out: int,
        side: int,
        stride: int,
        widening: int,
    ) -> None:
        super().__init__()
        wide = channels * widening
        self.expand = (
            Unit(tensors, f"{name}.expand", (wide, channels, 1, 1)) if widening > 1 else None
        )
        self.depthwise = Unit(tensors, f"{name}.depthwise", (wide, 1, side, side), stride)
        self.project = Unit(tensors, f"{name}.project", (out, wide, 1, 1))
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, channels, H, W) to (B, out, H / stride, W / stride)."""
        wide = x if self.expand is None else relu6(self.expand(x))
        narrow: Tensor = self.project(relu6(self.depthwise(wide)))
        return x + narrow if self.adds else narrow


class Unit(nn.Module):
    """A convolution with its batch normalisation folded in as a scale and a shift.

    Args:
        tensors: ``NAME.kernel`` and the normalisation's ``gain``, ``shift``, ``mean``,
            ``variance``.
        name: The name of the unit.
        shape: The shape of the kernel: (out, in per group, side, side).
        stride: 1 or 2.
    """

    kernel: Tensor
    shift: Tensor

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        name: str,
        shape: tuple[int, int, int, int],
        stride: int = 1,
    ) -> None:
        super().__init__()
        kernel, gain, shift, mean, variance = (
            tensors[f"{name}.{part}"].double()
            for part in ("kernel", "gain", "shift", "mean", "variance")
        )
        if kernel.shape != shape:
            raise RuntimeError(f"{name}.kernel has the shape {tuple(kernel.shape)}, not {shape}")
        scale = gain / (variance + _EPSILON).sqrt()
        folded = (kernel * scale[:, None, None, None]).float()
        self.register_buffer("kernel", folded)
        self.register_buffer("shift", (shift - mean * scale).float())
        self.stride = stride
        # Zero padding, one more at the end where the sum is odd, as TensorFlow does.
        margin = shape[-1] - stride
        before, after = margin // 2, margin - margin // 2
        self.margins = (before, after, before, after)
        self.groups = 1 if shape[1] > 1 else shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, in, H, W) to (B, out, H / stride, W / stride)."""
        before, after, *_ = self.margins
        if before == after:
            return conv2d(x, self.kernel, self.shift, self.stride, before, groups=self.groups)
        return conv2d(
            pad(x, self.margins), self.kernel, self.shift, self.stride, groups=self.groups
        )
