from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.errors import DataError, MissingExtra
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.inception import Inception

SWITCH = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


class StandIn:
    """Loads as the package does, and gives the means of the channels, 2048 times."""

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: str
    ) -> None:
        assert features_list == ["2048"]
        self.scale = torch.load(feature_extractor_weights_path, weights_only=False)["scale"]

    def __call__(self, x: Tensor) -> tuple[Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1] == 3
        return (x.float().mean((1, 2, 3))[:, None].expand(-1, 2048) * self.scale,)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(FeatureExtractorInceptionV3=StandIn)
    monkeypatch.setitem(sys.modules, "torch_fidelity", SimpleNamespace())  # type: ignore[arg-type]
    name = "torch_fidelity.feature_extractor_inceptionv3"
    monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save({"scale": torch.tensor(2.0)}, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


@pytest.mark.usefixtures("package")
def test_pictures_are_made_rgb(weights: Path) -> None:
    extractor: Extractor[Any] = Inception(weights)
    grey = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)
    found = extractor(grey)
    assert found.shape == (2, extractor.dimension)
    assert found[:, 5].tolist() == (2 * grey.mean((1, 2, 3))).tolist()
    clear = np.zeros((1, 4, 8, 8), np.uint8)
    assert extractor(clear).eq(510).all()


@pytest.mark.usefixtures("package")
def test_the_identity_is_that_of_the_file(weights: Path) -> None:
    first = Inception(weights).identity
    assert Inception(weights).identity == first
    torch.save({"scale": torch.tensor(3.0)}, weights)
    assert Inception(weights).identity != first


@pytest.mark.parametrize("before", [None, "0"])
@pytest.mark.usefixtures("package")
def test_nothing_in_the_file_is_run(
    weights: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    if before is not None:
        monkeypatch.setenv(SWITCH, before)
    trace = weights.with_name("trace")
    torch.save({"scale": Bomb(trace)}, weights)
    with pytest.raises(DataError, match="not hold the weights"):
        Inception(weights)
    weights.write_bytes(pickle.dumps(Bomb(trace), protocol=2))
    with pytest.raises(DataError, match="not hold the weights"):
        Inception(weights)
    assert not trace.exists()
    assert os.environ.get(SWITCH) == before


def test_what_is_missing_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="not-there"):
        Inception(weights.with_name("not-there"))
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match="torch-fidelity"):
        Inception(weights)
