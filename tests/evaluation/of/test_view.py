"""The options of an evaluation, and a medium of numbers that has no view of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.evaluation.of import VIEWS, view_of
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.of.view import View, check_options
from sfumato.media.data.items import Encoded
from sfumato.model.options import EvaluateOptions
from sfumato.recipes import GaussianRecipe

BY_NAME = {view.medium: view for view in VIEWS.values()}


class Model:
    """Takes any request, and returns it."""

    def request(self, n: int, **asked: Any) -> dict[str, Any]:
        return {"n": n, **asked}


@pytest.mark.parametrize(
    ("medium", "sizes"),
    [("image", (1000, 256, 16)), ("audio", (200, 256, 16)), ("text", (64, 512, 8))],
)
def test_each_medium_has_its_own_defaults(medium: str, sizes: tuple[int, ...]) -> None:
    view = BY_NAME[medium]
    assert (view.n, view.rows, view.draws) == sizes


@pytest.mark.parametrize(
    ("options", "medium", "words"),
    [
        (EvaluateOptions(n=2), "text", "n cannot be 2"),
        (EvaluateOptions(n=0), "text", "n cannot be 0"),
        (EvaluateOptions(rows=0), "text", "rows cannot be 0"),
        (EvaluateOptions(draws=0), "image", "draws cannot be 0"),
        (EvaluateOptions(seed=-1), "audio", "seed cannot be -1"),
        (EvaluateOptions(label="kick"), "text", "--label is not an option for text"),
        (EvaluateOptions(scale=0.0), "text", "--scale is not an option for text"),
        (EvaluateOptions(speech=True), "image", "--speech is not an option for image"),
        (EvaluateOptions(temperature=0.0), "audio", "--temperature is not an option for audio"),
        (EvaluateOptions(top_p=0.5), "image", "--top-p is not an option for image"),
        (EvaluateOptions(molecules=True), "audio", "--molecules is not an option for audio"),
    ],
)
def test_refusals(options: EvaluateOptions, medium: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        BY_NAME[medium](Model(), options)


def test_options_of_a_medium_pass() -> None:
    check_options(EvaluateOptions(label="kick", scale=0.0), "relief", frozenset({"label", "scale"}))
    with pytest.raises(SettingError, match="--scale is not an option for relief"):
        check_options(EvaluateOptions(scale=0.0), "relief", frozenset({"label"}))


def test_a_request_is_what_the_options_say() -> None:
    options = EvaluateOptions(seed=5, steps=7, label="kick", scale=0.0)
    view = NumberView(Model(), options)
    assert view.request == {
        "n": 1000, "seed": 5, "steps": 7, "batch": 64, "label": "kick", "scale": 0.0,
    }  # fmt: skip
    assert NumberView(Model(), EvaluateOptions(n=3, rows=1, draws=2)).size("rows") == 1


class Relief:
    """Heights in three layers, as float32."""

    shape = signal_shape = (3, 16, 16)

    def examples(self, items: NDArray[np.float32]) -> Encoded:
        return Encoded(torch.from_numpy(items / 100 - 1))


class ReliefRecipe(GaussianRecipe):
    pass


def test_a_medium_of_numbers_needs_no_view_of_its_own() -> None:
    model: Any = SimpleNamespace(
        spec=SimpleNamespace(recipe=ReliefRecipe.model_construct(), classes=0),
        medium=Relief(),
        request=Model().request,
    )
    kind = view_of(model)
    assert kind is NumberView
    view: View = kind(model, EvaluateOptions())
    heights = np.random.default_rng(0).uniform(0, 200, (40, 3, 16, 16)).astype(np.float32)
    real: Any = SimpleNamespace(training=heights)
    extractors = view.extractors(real)
    assert [one.name for one in extractors] == ["random-features", "patch-components"]
    # Samples may be decoded with channels last, as images are, or like the real items.
    batch = SimpleNamespace(recipes=[{}] * 40, items=np.moveaxis(heights, 1, -1))
    alike = SimpleNamespace(recipes=[{}] * 40, items=heights)
    for made in (batch, alike):
        samples = view.collected([made])
        assert np.array_equal(samples.items, heights)
    features: list[Tensor] = [one(view.prepare(samples.items)) for one in extractors]
    assert all(found.isfinite().all() for found in features)
    levels = view.prepare(heights)
    assert levels.dtype == np.uint8
    assert np.abs(levels - heights * 1.275).max() <= 0.51


def test_other_shapes_need_an_extractor_of_one_s_own() -> None:
    model: Any = SimpleNamespace(
        medium=SimpleNamespace(signal_shape=(2, 64)), request=Model().request
    )
    view = NumberView(model, EvaluateOptions())
    rows = np.zeros((4, 2, 64), np.float32)
    real: Any = SimpleNamespace(training=rows)
    assert list(view.extractors(real)) == []
    assert view.prepare(rows) is rows
