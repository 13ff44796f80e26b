"""What every backbone promises, whatever it is made of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sfumato.errors import SettingError
from sfumato.nets.specs import Backbone, TransformerSpec, UNetSpec
from sfumato.nets.unet import UNet

CLASSES = 3
SIZE = 8

UNET = {"widths": (16, 32), "blocks": (2, 1), "attention": (False, True), "head_dim": 16}
SPECS: dict[str, Backbone] = {
    "unet-2d": UNetSpec.model_validate({**UNET, "patch": 2}),
    "unet-2d-full": UNetSpec.model_validate({**UNET, "patch": 1}),
    "unet-2d-placed": UNetSpec.model_validate({**UNET, "patch": 2, "placed": True}),
    "unet-1d": UNetSpec.model_validate({**UNET, "patch": 2, "axes": 1}),
    "transformer-2d": TransformerSpec(patch=2, dim=32, depth=2, heads=2),
    "transformer-1d": TransformerSpec(patch=2, dim=32, depth=2, heads=2, axes=1),
}

every_backbone = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def example(spec: Backbone, batch: int = 4, size: int = SIZE) -> tuple[Tensor, Tensor, Tensor]:
    """An input, a level and a label for each sample."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 2, *(size,) * spec.axes, generator=generator)
    level = torch.linspace(-3, 3, batch)
    return x, level, torch.arange(batch) % (CLASSES + 1)


def awake(spec: Backbone, classes: int = CLASSES, lengths: bool = False) -> nn.Module:
    """A backbone in evaluation mode whose zero-initialised layers have been nudged."""
    torch.manual_seed(0)
    network = spec.build(2, (SIZE,) * spec.axes, classes, lengths).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


@every_backbone
def test_it_is_zero_before_training(spec: Backbone) -> None:
    x, level, label = example(spec)
    out = spec.build(2, (SIZE,) * spec.axes, CLASSES)(x, level, label)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert not out.any()


@every_backbone
def test_the_output_may_have_other_channels(spec: Backbone) -> None:
    x, level, _ = example(spec)
    out = spec.build(2, (SIZE,) * spec.axes, out_channels=5)(x, level)
    assert out.shape == (len(x), 5, *x.shape[2:])


@every_backbone
def test_a_sample_does_not_see_its_batch(spec: Backbone) -> None:
    network = awake(spec).double()
    x, level, label = example(spec, batch=8)
    together = network(x.double(), level.double(), label)
    for i in (0, 5):
        alone = network(x[i : i + 1].double(), level[i : i + 1].double(), label[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-10)


@every_backbone
def test_input_level_and_label_all_matter(spec: Backbone) -> None:
    network = awake(spec)
    x, level, label = example(spec)
    base = network(x, level, label)
    changed = {
        "input": network(x.roll(1, dims=-1), level, label),
        "level": network(x, level + 0.5, label),
        "label": network(x, level, (label + 1) % (CLASSES + 1)),
    }
    for name, other in changed.items():
        per_sample = (other - base).flatten(1).abs().amax(dim=1)
        assert (per_sample > 1e-4).all(), name


@every_backbone
def test_it_is_smooth_in_the_level(spec: Backbone) -> None:
    network = awake(spec).double()
    x, level, label = (
        value.double() if value.is_floating_point() else value for value in example(spec)
    )

    def slope(step: float) -> Tensor:
        ahead, behind = network(x, level + step, label), network(x, level - step, label)
        return (ahead - behind) / (2 * step)  # type: ignore[no-any-return]

    torch.testing.assert_close(slope(1e-3), slope(1e-4), rtol=1e-2, atol=1e-4)


@every_backbone
def test_no_label_is_the_null_label(spec: Backbone) -> None:
    network = awake(spec)
    x, level, _ = example(spec)
    null = torch.full((len(x),), CLASSES)
    assert torch.equal(network(x, level), network(x, level, null))


@every_backbone
def test_a_label_without_classes_is_refused(spec: Backbone) -> None:
    x, level, label = example(spec)
    with pytest.raises(SettingError, match="without labels"):
        spec.build(2, (SIZE,) * spec.axes)(x, level, label)


@every_backbone
def test_the_length_matters_and_none_is_all(spec: Backbone) -> None:
    network = awake(spec, lengths=True)
    x, level, label = example(spec)
    full = network(x, level, label, torch.ones(len(x)))
    assert torch.equal(network(x, level, label), full)
    lengths = torch.tensor([0.1, 0.2, 0.6, 0.9])
    others = network(x, level, label, lengths)
    assert ((others - full).flatten(1).abs().amax(dim=1) > 1e-4).all()
    # A tenth of the input is a clear step everywhere.
    near = network(x, level, label, lengths + 0.1)
    assert ((near - others).flatten(1).abs().amax(dim=1) > 1e-4).all()


@every_backbone
def test_a_length_without_lengths_is_refused(spec: Backbone) -> None:
    x, level, label = example(spec)
    with pytest.raises(SettingError, match="without lengths"):
        spec.build(2, (SIZE,) * spec.axes, CLASSES)(x, level, label, torch.ones(len(x)))


@every_backbone
@pytest.mark.parametrize("lengths", [False, True])
def test_gradients_reach_every_parameter(spec: Backbone, lengths: bool) -> None:
    network = awake(spec, lengths=lengths)
    x, level, label = example(spec)
    network(x, level, label).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@every_backbone
def test_training_leaves_zero_and_fits_a_batch(spec: Backbone) -> None:
    torch.manual_seed(0)
    network = spec.build(2, (SIZE,) * spec.axes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    x, level, _ = example(spec)
    target = x.flip(-1)
    losses = []
    for _ in range(60):
        loss = (network(x, level) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@every_backbone
def test_the_weights_do_not_fix_the_resolution(spec: Backbone) -> None:
    network = awake(spec)
    x, level, label = example(spec, size=2 * SIZE)
    assert network(x, level, label).shape == x.shape


@every_backbone
def test_an_indivisible_input_is_refused(spec: Backbone) -> None:
    network = spec.build(2, (SIZE,) * spec.axes)
    x, level, _ = example(spec, size=SIZE + 1)
    with pytest.raises(SettingError, match=f"size {SIZE + 1}"):
        network(x, level)


@every_backbone
def test_it_runs_in_mixed_precision(spec: Backbone) -> None:
    network = awake(spec)
    x, level, label = example(spec)
    exact = network(x, level, label)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(x, level, label)
        rough.square().mean().backward()
    assert (rough - exact).norm() < 0.05 * exact.norm()


@every_backbone
def test_weights_are_contiguous_and_finite(spec: Backbone) -> None:
    for name, value in spec.build(2, (SIZE,) * spec.axes, CLASSES).state_dict().items():
        assert value.is_contiguous(), name
        assert value.isfinite().all(), name


def test_dropout_acts_in_training_only() -> None:
    spec = UNetSpec.model_validate({**UNET, "dropout": 0.5})
    network = awake(spec)
    x, level, label = example(spec)
    assert torch.equal(network(x, level, label), network(x, level, label))
    network.train()
    assert not torch.equal(network(x, level, label), network(x, level, label))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("patch", [1, 2])
def test_pictures_are_convolved_channels_last(channels: int, patch: int) -> None:
    """A tensor of one channel counts as either layout, and the stem would make the slow one."""
    net = UNet(channels, widths=(16, 32), blocks=(1, 1), attention=(False, False), patch=patch)
    seen: list[bool] = []

    def note(conv: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output.is_contiguous(memory_format=torch.channels_last))

    for module in net.body.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    with torch.no_grad():
        net(torch.randn(2, channels, 16, 16), torch.zeros(2))
    assert seen and all(seen)
