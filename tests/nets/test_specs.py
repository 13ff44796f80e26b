"""Specs: valid or refused with a reason, and the same after a trip through JSON."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sfumato.errors import SettingError
from sfumato.nets.specs import Backbone, TransformerSpec, UNetSpec
from sfumato.nets.transformer import PatchTransformer
from sfumato.nets.unet import UNet

ADAPTER: TypeAdapter[Backbone] = TypeAdapter(Backbone)


@pytest.mark.parametrize(
    ("spec", "network"), [(UNetSpec(dropout=0.1), UNet), (TransformerSpec(), PatchTransformer)]
)
def test_a_spec_survives_json_and_builds_its_network(spec: Backbone, network: type) -> None:
    again = ADAPTER.validate_json(ADAPTER.dump_json(spec))
    assert again == spec
    assert isinstance(again.build(3, (32,) * again.axes, 10), network)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "unet", "blocks": (1, 2)}, "blocks has 2 levels but widths has 3"),
        ({"kind": "unet", "attention": (True,)}, "attention has 1 levels but widths has 3"),
        ({"kind": "unet", "widths": (64, 100, 256)}, "multiple of 16"),
        ({"kind": "unet", "head_dim": 96}, "256 wide, which is not a multiple of head_dim=96"),
        ({"kind": "unet", "dropout": 1.0}, "less than 1"),
        ({"kind": "unet", "depth": 3}, "Extra inputs are not permitted"),
        ({"kind": "transformer", "heads": 3}, "dim=256 is not a multiple of 12"),
        ({"kind": "transformer", "axes": 3}, "1 or 2"),
        ({"kind": "mlp"}, "'unet', 'transformer'"),
    ],
)
def test_a_bad_setting_is_explained(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(settings)


@pytest.mark.parametrize(
    ("spec", "multiple"), [(UNetSpec(), 8), (UNetSpec(patch=1), 4), (TransformerSpec(), 4)]
)
def test_a_size_must_divide(spec: Backbone, multiple: int) -> None:
    assert spec.multiple == multiple
    spec.build(1, (multiple,) * spec.axes)
    with pytest.raises(SettingError, match="size 30×30") as caught:
        spec.build(1, (30,) * spec.axes)
    assert f"multiples of {multiple}" in caught.value.hint


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        UNetSpec().patch = 1


def test_specs_do_not_import_torch() -> None:
    code = "import sys, sfumato.nets.specs; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
