"""The features of Inception v3, on which published Fréchet and kernel distances are based.

They need the optional package ``torch-fidelity``, whose network and resizing agree with the
original (Heusel et al. 2017, arXiv:1706.08500), and a file of its weights that the user supplies.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.extractor import identity_of_bytes
from sfumato.metrics.image_input import extract_features, rgb

_LAYER = "2048"
_PIECE = 16
_SAFE_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


class Inception:
    """2,048 features of Inception v3, as in FID and KID.

    The weights are never downloaded here, though the package would. They were not available when
    this was written, so it was tested with a stub, and with the package on random weights: check
    it against a published figure before you publish one.

    Args:
        weights: The package's ``weights-inception-2015-12-05-6726825d.pth``.

    Raises:
        DataError: There is no such file, or it does not hold the weights.
        MissingExtra: torch-fidelity is not installed.
    """

    name = "inception"
    dimension = 2048

    def __init__(self, weights: Path) -> None:
        if not weights.is_file():
            raise DataError(
                f"There is no {weights}.",
                hint="it is a file of the package torch-fidelity, which is not downloaded for you.",
            )
        try:
            module: Any = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        except ImportError as error:
            raise MissingExtra("torch-fidelity", "inception", "Inception features") from error
        try:
            with _without_unpickling():
                self._network = module.FeatureExtractorInceptionV3(
                    self.name, [_LAYER], feature_extractor_weights_path=str(weights)
                )
        except Exception as error:  # The errors of torch and the package for a bad file vary.
            raise DataError(
                f"{weights} does not hold the weights of Inception v3.", why=str(error)
            ) from error
        self.identity = identity_of_bytes(f"{self.name} 1 {_LAYER}", weights.read_bytes())

    def __call__(self, items: NDArray[np.uint8]) -> Tensor:
        """Turn images into vectors.

        Args:
            items: Shape (B, C, H, W), C = 1, 3 or 4, sides >= 8; the package resizes them.

        Returns:
            float32, shape (B, 2048).

        Raises:
            DataError: These are not images.
        """
        return extract_features(items, self._vectors, self.dimension, _PIECE)

    def _vectors(self, images: Tensor) -> Tensor:
        features: Tensor
        (features,) = self._network(rgb(images).round().byte())
        return features


@contextmanager
def _without_unpickling() -> Iterator[None]:
    """Restrict torch to reading tensors, so that no code of the file can run.

    The package lets torch unpickle the whole file; torch has this switch to refuse.
    """
    before = os.environ.get(_SAFE_ONLY)
    os.environ[_SAFE_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_ONLY]
        else:
            os.environ[_SAFE_ONLY] = before
