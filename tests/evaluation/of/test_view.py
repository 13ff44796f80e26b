"""The options of an evaluation, and a medium of numbers that has no view of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.evaluation.of import VIEWS, view_of
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.of.view import View
from sfumato.media.medium import Medium
from sfumato.media.registry import MEDIA
from sfumato.model.options import EvaluateOptions, SampleOptions
from sfumato.model.provenance import Made, NumberProvenance, Request
from sfumato.sampling import Heun
from tests.media.heights.medium import HeightMedium, HeightSettings

BY_NAME: dict[str, tuple[type[Medium], type[View]]] = {
    medium.name: (medium, VIEWS[medium]) for medium in MEDIA
}


HEIGHTS = HeightMedium(HeightSettings())


class Model:
    """Takes any request, and returns its options."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.spec = SimpleNamespace(medium=type(medium), classes=0)

    def request(self, options: SampleOptions) -> SampleOptions:
        return options


class Rows(HeightMedium):
    """Two rows of 64 numbers."""

    @property
    def shape(self) -> Any:
        return 2, 64


def model_of(medium: type[Medium]) -> Model:
    """A model of a medium of which nothing but its class is used."""
    return Model(object.__new__(medium))


def provenance(index: int) -> NumberProvenance:
    return NumberProvenance(
        sfumato="0", run="maps", model="0" * 16, seed=5, index=index, sampler=Heun(), steps=7,
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
        view(model_of(kind), options)


def test_options_of_a_medium_pass() -> None:
    image, view = BY_NAME["image"]
    view(model_of(image), EvaluateOptions(label="kick", scale=0.0))
    NumberView(Model(HEIGHTS), EvaluateOptions(label="dune", scale=0.0))
    with pytest.raises(SettingError, match="option 'speech' is not for maps"):
        NumberView(Model(HEIGHTS), EvaluateOptions(speech=True))


def test_a_request_is_what_the_options_say() -> None:
    image, _ = BY_NAME["image"]
    options = EvaluateOptions(seed=5, steps=7, label="kick", scale=0.0)
    view = NumberView(model_of(image), options)
    assert view.request == SampleOptions(1000, seed=5, steps=7, batch=64, label="kick", scale=0.0)
    assert NumberView(Model(HEIGHTS), EvaluateOptions(n=3, rows=1, draws=2)).size("rows") == 1


def test_a_report_names_how_the_samples_were_made() -> None:
    view = NumberView(Model(HEIGHTS), EvaluateOptions())
    view.request = Request(40, 64, provenance(0))
    found = view.sampling()
    assert found.pop("sampler")["kind"] == "heun"
    assert found == {"n": 40, "steps": 7, "label": "dune", "scale": 1.0}


def test_a_medium_of_numbers_needs_no_view_of_its_own() -> None:
    model: Any = Model(HEIGHTS)
    kind = view_of(model)
    assert kind is NumberView
    view: View = kind(model, EvaluateOptions())
    heights = np.random.default_rng(0).uniform(-1000, 1000, (40, 3, 16, 16)).astype(np.float32)
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
    assert np.abs(levels - (heights / 1000 + 1) * 127.5).max() <= 0.51


def test_other_shapes_need_an_extractor_of_one_s_own() -> None:
    view = NumberView(Model(Rows(HeightSettings())), EvaluateOptions())
    rows = np.zeros((4, 2, 64), np.float32)
    real: Any = SimpleNamespace(training=rows)
    assert list(view.extractors(real)) == []
    assert view.prepare(rows) is rows
