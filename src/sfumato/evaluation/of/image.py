"""Evaluating a model of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sfumato.catalogue import asset_here, fetch_asset
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.real import Real
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.inception import Inception

_TORCH = ".pth"


class ImageView(NumberView):
    """Images: in addition, features by networks that were trained on photographs."""

    about_likelihood = (
        "Bits per number of the 8-bit pixels, a variational bound: a lossless code built on the "
        "model needs at most this many bits on average."
    )

    def extractor(self, name: str) -> Extractor[Any]:
        """EfficientNet-lite0 by its name, Inception by its ``.pth`` file, else an ONNX file."""
        if name == EfficientNet.name:
            return EfficientNet(fetch_asset(name))
        if name.endswith(_TORCH):
            return Inception(Path(name))
        return super().extractor(name)

    def extractors(self, real: Real[NDArray[Any]]) -> Sequence[Extractor[Any]]:
        """Random features, patch components, and EfficientNet-lite0 if it was fetched before."""
        folder = asset_here(EfficientNet.name)
        trained = [] if folder is None else [EfficientNet(folder)]
        return [*super().extractors(real), *trained]
