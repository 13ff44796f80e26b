"""Bits of sounds: a density of what the network sees."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.evaluation.likelihood import bits_of_items
from sfumato.likelihood import GaussianReconstruction, gaussian_bound
from sfumato.model.numbers import NumberModel
from sfumato.run import open_run


@pytest.mark.parametrize("name", ["tones", "wave", "hum"])
def test_they_are_the_density_s_given_label_and_length(finished_sounds: Path, name: str) -> None:
    model = open_run(finished_sounds / name).model
    assert isinstance(model, NumberModel)
    clips = np.random.default_rng(0).integers(-9000, 9000, (3, *model.medium.shape))
    clips[1, :, 300:] = 0
    clips = clips.astype(np.int16)
    heard: list[dict[str, Any]] = []

    def note(network: nn.Module, args: tuple[Any, ...], cond: dict[str, Any]) -> None:
        heard.append(cond)

    hook = model.denoiser.backbone.register_forward_pre_hook(note, with_kwargs=True)
    course = bits_of_items(model, clips, torch.tensor([0, 1, 0]), draws=2, seed=3, what="sounds")
    try:
        while True:
            next(course)
    except StopIteration as end:
        found = end.value
    hook.remove()

    encoded = model.medium.examples(clips)
    cond = {"label": torch.tensor([0, 1, 0]), "length": encoded.filled}
    if name == "hum":
        del cond["label"]
    assert all(told.keys() == cond.keys() for told in heard)
    told = {key: value.to(model.device) for key, value in cond.items() if value is not None}
    denoiser, x0 = model.evaluated(model.denoiser, "fp32"), encoded.x0.to(model.device)
    nats = gaussian_bound(denoiser, x0, GaussianReconstruction(), 2, seed=3, **told).nats
    assert found.dimensions == x0[0].numel()
    np.testing.assert_allclose(found.of_each, nats / found.dimensions / math.log(2), rtol=1e-6)
    assert np.isfinite(found.of_each).all()
