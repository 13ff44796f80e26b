"""What every backbone promises about its further inputs: labels, numbers, words and signals."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sfumato.errors import SettingError
from sfumato.nets.encoding import RESERVED
from sfumato.nets.inputs import (
    Input,
    LabelInput,
    NumberInput,
    SignalInput,
    StateInput,
    TokenInput,
)
from sfumato.nets.specs import BackboneSpec, TransformerSpec, UNetSpec

SIZE, CHANNELS, LENGTH, WORDS, STATE = 8, 2, 6, 20, 24
UNET = {"widths": (16, 32), "blocks": (2, 1), "attention": (True, True), "head_dim": 16}
SPECS: dict[str, BackboneSpec] = {
    "unet-2d": UNetSpec.model_validate({**UNET, "patch": 2}),
    "unet-1d": UNetSpec.model_validate({**UNET, "patch": 2, "axes": 1}),
    "transformer-2d": TransformerSpec(patch=2, dim=32, depth=2, heads=2),
    "transformer-1d": TransformerSpec(patch=2, dim=32, depth=2, heads=2, axes=1),
}
# The name 'type' is that of a method of torch's modules, which fields of data cannot know.
INPUTS: dict[str, Input] = {
    "type": LabelInput(4),
    "age": NumberInput(),
    "caption": TokenInput(WORDS, LENGTH, width=16, depth=2, heads=2),
    "title": StateInput(STATE, LENGTH, width=16, depth=1, heads=2),
    "sketch": SignalInput(3),
}

every_backbone = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
every_input = pytest.mark.parametrize("name", INPUTS)


def build(spec: BackboneSpec, inputs: dict[str, Input] | None = INPUTS) -> nn.Module:
    torch.manual_seed(0)
    return spec.build(CHANNELS, (SIZE,) * spec.axes, inputs=inputs)


def awake(spec: BackboneSpec, inputs: dict[str, Input] = INPUTS) -> nn.Module:
    """A backbone in double precision whose zero-initialised layers have been nudged."""
    network = build(spec, inputs).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network.train(False)


def state(spec: BackboneSpec, batch: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, CHANNELS, *(SIZE,) * spec.axes, generator=generator)
    return x.double(), torch.linspace(-3, 3, batch).double()


def values(spec: BackboneSpec, batch: int = 4, seed: int = 2) -> dict[str, Tensor]:
    """A value of every input for every row; texts of two to five words."""
    draw = torch.Generator().manual_seed(seed)
    ends = torch.arange(batch) % 4 + 2
    there = torch.arange(LENGTH) < ends[:, None]
    known = torch.ones(batch, 1, *(SIZE,) * spec.axes)
    sketch = torch.randn(batch, 3, *known.shape[2:], generator=draw)
    return {
        "type": torch.randint(1, 5, (batch,), generator=draw),
        "age": torch.stack([torch.randn(batch, generator=draw), torch.ones(batch)], dim=1),
        "caption": torch.randint(1, WORDS, (batch, LENGTH), generator=draw) * there,
        "title": torch.randn(batch, LENGTH, STATE, generator=draw) * there[..., None],
        "sketch": torch.cat([sketch, known], dim=1),
    }


def far(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).flatten(1).abs().amax(dim=1)


@every_backbone
def test_it_is_zero_before_training(spec: BackboneSpec) -> None:
    x, level = state(spec)
    out = build(spec)(x.float(), level.float(), **values(spec))
    assert out.shape == x.shape and not out.any()


@every_backbone
@every_input
def test_zeros_are_unknown_and_so_is_a_missing_input(spec: BackboneSpec, name: str) -> None:
    network = awake(spec)
    x, level = state(spec)
    given = values(spec)
    zeros = network(x, level, **{**given, name: torch.zeros_like(given[name])})
    missing = network(x, level, **{key: value for key, value in given.items() if key != name})
    assert torch.equal(zeros, missing)
    assert torch.equal(network(x, level, **{**given, name: None}), missing)
    assert (far(network(x, level, **given), missing) > 1e-4).all()


@every_backbone
@every_input
def test_another_value_is_another_output(spec: BackboneSpec, name: str) -> None:
    network = awake(spec)
    x, level = state(spec)
    given = values(spec)
    other = given[name] % 4 + 1 if name == "type" else values(spec, seed=3)[name]
    changed = network(x, level, **{**given, name: other})
    assert (far(changed, network(x, level, **given)) > 1e-6).all()


@every_backbone
def test_a_sample_does_not_see_its_batch(spec: BackboneSpec) -> None:
    network = awake(spec)
    x, level = state(spec)
    given = values(spec)
    given["caption"][1] = 0  # A row without words among rows with some.
    together = network(x, level, **given)
    for row in range(4):
        rows = slice(row, row + 1)
        own = {name: value[rows] for name, value in given.items()}
        alone = network(x[rows], level[rows], **own)
        torch.testing.assert_close(alone, together[rows], rtol=0, atol=1e-10)


@every_backbone
@pytest.mark.parametrize("name", ["caption", "title"])
def test_places_without_words_are_as_if_they_were_not_there(spec: BackboneSpec, name: str) -> None:
    network = awake(spec)
    x, level = state(spec)
    given = values(spec)
    cut = {**given, name: given[name][:, :5]}  # The longest has five words.
    whole = network(x, level, **given)
    torch.testing.assert_close(network(x, level, **cut), whole, rtol=0, atol=1e-10)


@every_backbone
def test_the_order_of_words_matters(spec: BackboneSpec) -> None:
    network = awake(spec)
    x, level = state(spec)
    given = values(spec)
    caption = given["caption"].clone()
    caption[:, :2] = caption[:, :2].flip(1)
    there = caption[:, 0] != caption[:, 1]
    assert there.any()
    changed = far(network(x, level, **{**given, "caption": caption}), network(x, level, **given))
    assert (changed[there] > 1e-6).all()


@every_backbone
def test_gradients_reach_every_parameter(spec: BackboneSpec) -> None:
    """From the initial weights: every step opens a further layer of those that start at zero."""
    network = build(spec).double()
    x, level = state(spec)
    given = values(spec)
    given["caption"].flatten()[:WORDS] = torch.arange(WORDS)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (network(x, level, **given) - x.flip(-1)).square().mean().backward()
        optimizer.step()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@every_backbone
def test_words_and_signals_change_nothing_before_training(spec: BackboneSpec) -> None:
    """With the weights of a network without inputs it computes what that network does."""
    without = awake(spec, {})
    inputs = {name: INPUTS[name] for name in ("caption", "title", "sketch")}
    network = build(spec, inputs).double()
    missing, unexpected = network.load_state_dict(without.state_dict(), strict=False)
    assert not unexpected
    assert all("inputs" in name or "context" in name or "beside" in name or "reading" in name
               for name in missing)  # fmt: skip
    for encoder in network.inputs.encoders.values():  # The pooled words are a vector.
        for layer in (part for part in encoder.modules() if hasattr(part, "pooled")):
            layer.pooled.weight.data.zero_()
    x, level = state(spec)
    given = {name: value for name, value in values(spec).items() if name in inputs}
    torch.testing.assert_close(network(x, level, **given), without(x, level), rtol=0, atol=1e-12)


@every_backbone
def test_it_has_no_trace_of_inputs_without_them(spec: BackboneSpec) -> None:
    names = build(spec, None).state_dict().keys()
    assert names == build(spec, {}).state_dict().keys()
    assert not [name for name in names if "input" in name or "context" in name]


@every_backbone
@pytest.mark.parametrize("words", [True, False])
def test_it_is_finite_in_mixed_precision(spec: BackboneSpec, words: bool) -> None:
    network = awake(spec).float().train()
    x, level = (value.float() for value in state(spec))
    given = values(spec) if words else {}
    exact = network(x, level, **given)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(x, level, **given)
        rough.square().mean().backward()
    assert (rough - exact).norm() < 0.05 * exact.norm()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


@every_backbone
def test_an_input_that_it_was_not_built_with_is_refused(spec: BackboneSpec) -> None:
    x, level = state(spec)
    for inputs in ({}, {"caption": INPUTS["caption"]}):
        with pytest.raises(SettingError, match="'age' was given to a backbone without it"):
            build(spec, inputs)(x.float(), level.float(), age=torch.zeros(4, 2))


@pytest.mark.parametrize("name", [*RESERVED, "a.b", ""])
def test_a_name_that_an_input_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="cannot have the name"):
        build(SPECS["unet-2d"], {name: NumberInput()})


def test_states_of_one_size_follow_each_other() -> None:
    inputs: dict[str, Input] = {
        "caption": TokenInput(9, 4, width=16), "title": StateInput(STATE, 4, width=32),
    }  # fmt: skip
    with pytest.raises(SettingError, match="different sizes"):
        build(SPECS["transformer-1d"], inputs)


def test_a_text_that_is_too_long_is_refused() -> None:
    x, level = state(SPECS["transformer-1d"])
    with pytest.raises(SettingError, match=f"{LENGTH + 1} tokens"):
        awake(SPECS["transformer-1d"])(x, level, caption=torch.ones(4, LENGTH + 1).long())


def test_a_signal_of_other_sides_is_refused() -> None:
    x, level = state(SPECS["unet-2d"])
    with pytest.raises(SettingError, match="A signal has sides"):
        awake(SPECS["unet-2d"])(x, level, sketch=torch.zeros(4, 4, SIZE, 2 * SIZE))


def test_a_network_that_takes_no_inputs_is_built_as_before() -> None:
    class Plain(UNetSpec):
        def network(self, channels: int, **settings: Any) -> nn.Module:
            assert "inputs" not in settings
            return nn.Linear(channels, settings["classes"])

    assert isinstance(Plain().build(3, (32, 32), 10), nn.Linear)


def test_descriptions_do_not_import_torch() -> None:
    code = "import sys, sfumato.nets.inputs; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "spec", [SPECS["unet-2d"], SPECS["transformer-2d"]], ids=["unet", "transformer"]
)
@pytest.mark.parametrize("frozen", [False, True], ids=["tokens", "states"])
def test_it_learns_a_picture_for_every_word(spec: BackboneSpec, frozen: bool) -> None:
    """Words in any place and order: every one has a picture of its own."""
    torch.manual_seed(0)
    pictures = torch.randn(3, CHANNELS, SIZE, SIZE)
    tokens = torch.tensor([[1, 0], [2, 0], [3, 0]])
    table = torch.randn(4, STATE).index_fill(0, torch.tensor([0]), 0.0)
    inputs: dict[str, Input] = {
        "caption": StateInput(STATE, 2, width=16) if frozen else TokenInput(4, 2, width=16)
    }
    network = spec.build(CHANNELS, (SIZE, SIZE), inputs=inputs)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    caption = table[tokens] if frozen else tokens
    losses = []
    for _ in range(80):
        x, level = torch.randn(3, CHANNELS, SIZE, SIZE), torch.zeros(3)
        loss = (network(x, level, caption=caption) - pictures).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
