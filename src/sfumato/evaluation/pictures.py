"""Evaluating a model of pictures."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.catalogue import asset_here, fetch_asset
from sfumato.evaluation.asked import Asked
from sfumato.evaluation.exhibits import Exhibit, Pictures
from sfumato.evaluation.real import Real
from sfumato.evaluation.report import Section
from sfumato.evaluation.sampled import Sampled
from sfumato.evaluation.signals import View
from sfumato.media.image.data import ImageData
from sfumato.metrics.custom_extractor import OnnxExtractor
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.inception import Inception
from sfumato.metrics.memorisation import Memorisation
from sfumato.metrics.patch_components import PatchComponents
from sfumato.metrics.random_features import RandomFeatures
from sfumato.model.image import ImageModel
from sfumato.runs.measuring import Measuring

_SHOWN = 64
_COMPARED = 12
_TORCH = ".pth"

UInt8 = NDArray[np.uint8]


class PictureView(View[ImageModel]):
    """How pictures are looked at: through random features, patches, and a trained network."""

    medium = "pictures"
    data = ImageData
    n = 1000

    def extractors(self, model: ImageModel, real: Real) -> Sequence[Extractor[UInt8]]:
        """See :meth:`View.extractors`."""
        return [
            RandomFeatures(model.medium.shape[0]),
            PatchComponents.of(real.training),
            *_trained(),
        ]

    def given(self, path: str) -> Extractor[UInt8]:
        """EfficientNet-lite0 by its name, Inception by its ``.pth``, anything else as ONNX."""
        if path == EfficientNet.name:
            return EfficientNet(fetch_asset(path))
        if path.endswith(_TORCH):
            return Inception(Path(path))
        return OnnxExtractor.of_images(Path(path))

    def form(self, model: ImageModel, items: UInt8) -> UInt8:
        """See :meth:`View.form`."""
        return items

    def finished(self, model: ImageModel, made: Sampled) -> Sampled:
        """Channels first, as real pictures are."""
        return replace(made, items=np.ascontiguousarray(made.items.transpose(0, 3, 1, 2)))

    def own(
        self, model: ImageModel, made: Sampled, real: Real, asked: Asked
    ) -> Generator[Measuring, None, tuple[list[Section], list[Exhibit]]]:
        """Nothing."""
        yield from ()
        return [], []

    def exhibits(
        self, model: ImageModel, made: Sampled, real: Real, found: Memorisation
    ) -> Iterator[Exhibit]:
        """The first samples; real pictures; and the likest to training pictures over those."""
        yield Pictures(
            "samples",
            f"the first {min(len(made.items), _SHOWN)}, not chosen",
            (("samples", _sheet(model, made.items[:_SHOWN])),),
        )
        places = np.linspace(0, len(real.training) - 1, _SHOWN).astype(np.int64)
        yield Pictures(
            "real pictures",
            "evenly spaced among those trained on",
            (("training pictures", _sheet(model, real.training[np.unique(places)])),),
        )
        nearest = np.argsort(found.distances, kind="stable")[:_COMPARED]
        pairs = np.concatenate([made.items[nearest], real.training[found.nearest[nearest]]])
        yield Pictures(
            "the samples that are nearest to a training picture",
            "above the samples, below each the training picture that is nearest to it",
            (("samples over training pictures", _sheet(model, pairs, columns=len(nearest))),),
        )


def _trained() -> list[Extractor[UInt8]]:
    """A network that knows photographs, where it has been fetched before."""
    folder = asset_here(EfficientNet.name)
    return [] if folder is None else [EfficientNet(folder)]


def _sheet(model: ImageModel, pictures: UInt8, columns: int | None = None) -> bytes:
    return png(model.medium.sheet(pictures.transpose(0, 2, 3, 1), columns))


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
