"""The options of an evaluation, and a medium of numbers that has no view of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.data.items import Encoded
from sfumato.errors import SettingError
from sfumato.evaluation.of import VIEWS, view_of
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.of.view import View
from sfumato.media.medium import Medium
from sfumato.media.numbers import NumberMedium
from sfumato.media.registry import MEDIA
from sfumato.model.options import EvaluateOptions, SampleOptions
from sfumato.model.provenance import Made, NumberProvenance, Request
from sfumato.sampling import Heun

BY_NAME: dict[str, tuple[type[Medium], type[View]]] = {
    medium.name: (medium, VIEWS[medium]) for medium in MEDIA
}


class Model:
    """Takes any request, and returns its options."""

    def __init__(self, medium: type[Medium], classes: int = 0) -> None:
        self.medium = object.__new__(medium)
        self.spec = SimpleNamespace(medium=medium, classes=classes)

    def request(self, options: SampleOptions) -> SampleOptions:
        return options


class Relief(NumberMedium):
    """Heights in three layers, as float32."""

    name, singular, plural = "relief", "height map", "height maps"
    options = {"evaluate": frozenset({"label"})}  # noqa: RUF012
    shape = (3, 16, 16)
    dtype = np.dtype(np.float32)
    cache_key = "relief"

    def read(self, path: Path, part: int = 0) -> NDArray[np.float32]:
        raise NotImplementedError

    def examples(self, items: NDArray[np.float32], uniforms: Tensor | None = None) -> Encoded:
        return Encoded(torch.from_numpy(items / 100 - 1))

    def decode(self, x0: Tensor) -> NDArray[np.float32]:
        raise NotImplementedError

    def write_preview(self, x0: Tensor, paths: Sequence[Path]) -> None:
        raise NotImplementedError

    def folder(self, path: Path, format: str | None = None) -> Any:
        raise NotImplementedError

    def html(self, items: Sequence[Any]) -> str:
        raise NotImplementedError

    @classmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        raise NotImplementedError


class Rows(Relief):
    """Two rows of 64 numbers."""

    shape = (2, 64)


def provenance(index: int) -> NumberProvenance:
    return NumberProvenance(
        sfumato="0", run="reliefs", model="0" * 16, seed=5, index=index, sampler=Heun(), steps=7,
        label="dune", scale=1.0, tile=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("medium", "sizes"),
    [("image", (1000, 256, 16)), ("audio", (200, 256, 16)), ("text", (64, 512, 8))],
)
def test_each_medium_has_its_own_defaults(medium: str, sizes: tuple[int, ...]) -> None:
    _, view = BY_NAME[medium]
    assert (view.n, view.rows, view.draws) == sizes


@pytest.mark.parametrize(
    ("options", "medium", "words"),
    [
        (EvaluateOptions(n=2), "text", "n cannot be 2"),
        (EvaluateOptions(n=0), "text", "n cannot be 0"),
        (EvaluateOptions(rows=0), "text", "rows cannot be 0"),
        (EvaluateOptions(draws=0), "image", "draws cannot be 0"),
        (EvaluateOptions(seed=-1), "audio", "seed cannot be -1"),
        (EvaluateOptions(label="kick"), "text", "option 'label' is not for texts"),
        (EvaluateOptions(scale=0.0), "text", "option 'scale' is not for texts"),
        (EvaluateOptions(speech=True), "image", "option 'speech' is not for images"),
        (EvaluateOptions(temperature=0.0), "audio", "option 'temperature' is not for audio clips"),
        (EvaluateOptions(top_p=0.5), "image", "option 'top_p' is not for images"),
        (EvaluateOptions(molecules=True), "audio", "option 'molecules' is not for audio clips"),
    ],
)
def test_refusals(options: EvaluateOptions, medium: str, words: str) -> None:
    kind, view = BY_NAME[medium]
    with pytest.raises(SettingError, match=words):
        view(Model(kind), options)


def test_options_of_a_medium_pass() -> None:
    image, view = BY_NAME["image"]
    view(Model(image), EvaluateOptions(label="kick", scale=0.0))
    NumberView(Model(Relief), EvaluateOptions(label="dune"))
    with pytest.raises(SettingError, match="option 'scale' is not for height maps"):
        NumberView(Model(Relief), EvaluateOptions(scale=0.0))


def test_a_request_is_what_the_options_say() -> None:
    image, _ = BY_NAME["image"]
    options = EvaluateOptions(seed=5, steps=7, label="kick", scale=0.0)
    view = NumberView(Model(image), options)
    assert view.request == SampleOptions(
        1000, seed=5, steps=7, batch=64, label="kick", scale=0.0
    )
    assert NumberView(Model(Relief), EvaluateOptions(n=3, rows=1, draws=2)).size("rows") == 1


def test_a_report_names_how_the_samples_were_made() -> None:
    view = NumberView(Model(Relief), EvaluateOptions())
    view.request = Request(40, 64, provenance(0))
    found = view.sampling()
    assert found.pop("sampler")["kind"] == "heun"
    assert found == {"n": 40, "steps": 7, "label": "dune", "scale": 1.0}


def test_a_medium_of_numbers_needs_no_view_of_its_own() -> None:
    model: Any = Model(Relief)
    kind = view_of(model)
    assert kind is NumberView
    view: View = kind(model, EvaluateOptions())
    heights = np.random.default_rng(0).uniform(0, 200, (40, 3, 16, 16)).astype(np.float32)
    real: Any = SimpleNamespace(training=heights)
    extractors = view.extractors(real)
    assert [one.name for one in extractors] == ["random-features", "patch-components"]
    # Samples may be decoded with channels last, as images are, or like the real items.
    origins = tuple(provenance(index) for index in range(40))
    for items in (np.moveaxis(heights, 1, -1), heights):
        samples = view.collected([Made(range(40), items, origins)])
        assert np.array_equal(samples.items, heights)
        assert samples.provenance == origins
    features: list[Tensor] = [one(view.prepare(samples.items)) for one in extractors]
    assert all(found.isfinite().all() for found in features)
    levels = view.prepare(heights)
    assert levels.dtype == np.uint8
    assert np.abs(levels - heights * 1.275).max() <= 0.51


def test_other_shapes_need_an_extractor_of_one_s_own() -> None:
    view = NumberView(Model(Rows), EvaluateOptions())
    rows = np.zeros((4, 2, 64), np.float32)
    real: Any = SimpleNamespace(training=rows)
    assert list(view.extractors(real)) == []
    assert view.prepare(rows) is rows
