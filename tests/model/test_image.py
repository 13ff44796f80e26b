from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from sfumato.errors import SettingError
from sfumato.model.numbers import NumberModel
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made
from sfumato.run import Run, open_run


@pytest.fixture(scope="module")
def unet(finished_runs: Path) -> Run:
    return open_run(finished_runs / "unet")


def test_a_label_is_left_open_where_there_is_a_start(unet: Run, pictures: Path) -> None:
    """What the picture shows is unknown, and a label drawn by chance would lead away from it."""
    model = NumberModel(unet.directory, unet.spec)
    seen: set[int] = set()

    def note(network: nn.Module, args: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        seen.update(inputs["label"][:3].tolist())  # Behind them a tile is filled up.

    model.denoiser.backbone.register_forward_pre_hook(note, with_kwargs=True)
    start = pictures / "dog/0.png"
    for keywords, expected, label in (
        ({"start": start}, {2}, None),
        ({"start": start, "label": "dog"}, {1}, "dog"),
        ({"label": "cat"}, {0}, "cat"),
    ):
        seen.clear()
        request = model.request(SampleOptions(3, **keywords))  # type: ignore[arg-type]
        (made,) = [event for event in model.sample(request) if isinstance(event, Made)]
        assert seen == expected
        assert {origin.label for origin in made.provenance} == {label}


def test_pictures_have_no_seconds(unet: Run) -> None:
    with pytest.raises(SettingError, match="'seconds' is not for images"):
        unet.model.request(SampleOptions(seconds=1.0))  # type: ignore[union-attr]
    assert unet.sample(1).provenance[0].stored()["seconds"] is None
