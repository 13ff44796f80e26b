"""Bits of pictures under runs of four steps. For sounds see test_audio_bits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.engine import precision
from sfumato.evaluation import likelihood
from sfumato.evaluation.likelihood import ItemBits, bits_of_items
from sfumato.likelihood import DiscreteReconstruction, gaussian_bound
from sfumato.model.numbers import NumberModel
from sfumato.run import open_run
from sfumato.runs.progress import Progress

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16)).astype(np.uint8)
LABELS = torch.tensor([0, 1, 1, 0, 1])
Model = NumberModel


def concluded(
    model: Model, items: NDArray[Any], labels: Tensor | None, draws: int = 2, seed: int = 0
) -> tuple[ItemBits, list[Progress]]:
    course = bits_of_items(model, items, labels, draws=draws, seed=seed, what="pictures")
    progress = []
    while True:
        try:
            progress.append(next(course))
        except StopIteration as end:
            return end.value, progress


@pytest.fixture(scope="module")
def unet(finished_runs: Path) -> Model:
    model = open_run(finished_runs / "unet").model
    assert isinstance(model, NumberModel)
    return model


@pytest.fixture(scope="module")
def plain(finished_runs: Path) -> Model:
    model = open_run(finished_runs / "plain").model
    assert isinstance(model, NumberModel)
    return model


def test_they_are_those_of_the_pixels(unet: Model) -> None:
    """More than the 8 that pixels take as they are: the network learnt next to nothing."""
    found, progress = concluded(unet, PICTURES, LABELS, draws=4)
    assert found.items == 5
    assert found.dimensions == 3 * 16 * 16
    assert found.of_each.shape == (5,)
    assert found.of_each.dtype == np.float64
    assert np.isfinite(found.of_each).all()
    estimate = found.bits_per_dimension
    assert estimate.mean == pytest.approx(found.of_each.mean())
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < estimate.mean < estimate.high
    assert 5 < estimate.mean < 12
    assert progress == [Progress("likelihood of pictures: item", 0, 5)]


def test_they_are_the_bound_s(plain: Model) -> None:
    found, _ = concluded(plain, PICTURES, None)
    x0 = torch.from_numpy(PICTURES.astype(np.float32)) / 127.5 - 1
    denoiser = plain.evaluated(plain.denoiser, "fp32")
    nats = gaussian_bound(
        denoiser, x0.to(plain.device), DiscreteReconstruction(256), 2, seed=0
    ).nats
    expected = nats.numpy() / (3 * 16 * 16 * math.log(2))
    np.testing.assert_allclose(found.of_each, expected, rtol=1e-6)


def test_they_are_the_same_each_time_and_in_any_batch(
    unet: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = concluded(unet, PICTURES, LABELS)
    torch.manual_seed(5)
    again, _ = concluded(unet, PICTURES, LABELS)
    assert np.array_equal(again.of_each, found.of_each)
    monkeypatch.setattr(likelihood, "_ITEMS", 2)
    parted, progress = concluded(unet, PICTURES, LABELS)
    # Kernels round by the size of a batch.
    np.testing.assert_allclose(parted.of_each, found.of_each, rtol=1e-4)
    assert [event.done for event in progress] == [0, 2, 4]
    few, _ = concluded(unet, PICTURES[:2], LABELS[:2])
    np.testing.assert_allclose(few.of_each, parted.of_each[:2], rtol=1e-12)
    other, _ = concluded(unet, PICTURES, LABELS, seed=1)
    assert not np.isclose(other.of_each, found.of_each, rtol=1e-4).any()


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [("unet", LABELS, [0, 1, 1, 0, 1]), ("unet", None, [2] * 5), ("plain", LABELS, None)],
)
def test_what_the_network_is_told(
    request: pytest.FixtureRequest, name: str, given: Tensor | None, told: list[int] | None
) -> None:
    """Its items' labels, no guidance, and the null label where they are unknown."""
    model: Model = request.getfixturevalue(name)
    heard: list[dict[str, Any]] = []

    def note(network: nn.Module, args: tuple[Any, ...], cond: dict[str, Any]) -> None:
        heard.append(cond)

    hook = model.denoiser.backbone.register_forward_pre_hook(note, with_kwargs=True)
    try:
        concluded(model, PICTURES, given, draws=3)
    finally:
        hook.remove()
    expected = {} if told is None else {"label": told}
    assert len(heard) == 3
    for cond in heard:
        assert {key: value.tolist() for key, value in cond.items()} == expected


def test_one_picture_has_no_interval(plain: Model) -> None:
    found, _ = concluded(plain, PICTURES[:1], None)
    assert found.bits_per_dimension.low is None
    assert found.bits_per_dimension.mean == found.of_each[0]


def test_they_are_computed_in_float32_whatever_the_run_s_format(
    unet: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_fast_bf16", lambda device: (True, ""))
    assert unet.number_format() == "bf16"
    seen: set[torch.dtype] = set()

    def note(layer: nn.Module, args: Any, output: Tensor) -> None:
        seen.add(output.dtype)

    layers = [layer for layer in unet.denoiser.modules() if isinstance(layer, nn.Linear)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    concluded(unet, PICTURES, LABELS, draws=1)
    for handle in handles:
        handle.remove()
    assert seen == {torch.float32}
