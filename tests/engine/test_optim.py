from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from sfumato.engine import optimizers
from sfumato.engine.optim import AdamWSpec, AnyOptimizer, MuonSpec
from sfumato.engine.optimizers import orthogonalise
from sfumato.engine.precision import Decision

Spec = AdamWSpec | MuonSpec


@pytest.fixture(params=["fp32", "bf16"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The format of the products, whatever this machine would choose."""
    chosen = Decision(request.param, "told")
    monkeypatch.setattr(optimizers, "choose_precision", lambda asked, device: chosen)
    return chosen.choice


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 16, 64), (1, 64, 16), (3, 24, 40)])
def test_orthogonalised_singular_values_are_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices * 1e-4))
    # Jordan et al. 2024: the quintic lets them settle anywhere in about [0.7, 1.2].
    assert values.flatten().quantile(0.05) > 0.65
    assert values.max() < 1.25


def test_orthogonalising_keeps_singular_vectors(products: str) -> None:
    generator = torch.Generator().manual_seed(1)
    u, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator))
    values = torch.linspace(0.2, 1.0, 12)
    (found,) = orthogonalise((u @ values.diag() @ v.T).unsqueeze(0))
    turned = u.T @ found @ v
    off_diagonal = turned - turned.diag().diag()
    assert off_diagonal.abs().max() < (1e-4 if products == "fp32" else 3e-2)


def test_a_muon_step_has_the_size_of_an_adamw_step() -> None:
    """Liu et al. 2025: the root mean square of an update is about 0.2 whatever the shape."""
    module = nn.Sequential(nn.Linear(48, 192), nn.Conv2d(16, 32, 3))
    before = [p.detach().clone() for p in module.parameters()]
    optimizer = MuonSpec(lr=1e-2).build(module.named_parameters())
    generator = torch.Generator().manual_seed(2)
    for p in module.parameters():
        p.grad = torch.randn(p.shape, generator=generator)
    optimizer.step()
    for old, p in zip(before, module.parameters(), strict=True):
        rms = (p - old).square().mean().sqrt().item() / 1e-2
        if p.ndim >= 2:
            assert rms == pytest.approx(0.2, rel=0.2)
        else:  # AdamW's first step is the sign of the gradient.
            assert rms == pytest.approx(1.0, rel=1e-3)


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.embedded_block = nn.Linear(4, 4)
        self.out_head = nn.Linear(4, 2)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def rules(spec: Spec) -> dict[str, tuple[str, float]]:
    module = Named()
    names = {p: name for name, p in module.named_parameters()}
    return {
        names[p]: (group.get("rule", "adamw"), group["weight_decay"])
        for group in spec.build(module.named_parameters()).param_groups
        for p in group["params"]
    }


def test_who_gets_which_rule_and_decay() -> None:
    assert rules(MuonSpec(weight_decay=0.1)) == {
        "embed.weight": ("adamw", 0.1),
        "embedded_block.weight": ("muon", 0.1),
        "embedded_block.bias": ("adamw", 0.0),
        "out_head.weight": ("adamw", 0.1),
        "out_head.bias": ("adamw", 0.0),
    }
    decays = {name: decay for name, (_, decay) in rules(AdamWSpec(weight_decay=0.1)).items()}
    assert decays == {
        "embed.weight": 0.1,
        "embedded_block.weight": 0.1,
        "embedded_block.bias": 0.0,
        "out_head.weight": 0.1,
        "out_head.bias": 0.0,
    }


@pytest.mark.parametrize("spec", [AdamWSpec(lr=1e-2), MuonSpec(lr=1e-2)])
def test_each_fits_a_small_problem(spec: Spec) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
    )
    x = torch.randn(256, 6)
    y = (x[:, :1] * x[:, 1:2]).sin()

    def loss() -> Tensor:
        predicted: Tensor = module(x)
        return (predicted - y).square().mean()

    optimizer = spec.build(module.named_parameters())
    start = loss().item()
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = spec.lr * (1 - step / 200)
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss().item() < 0.2 * start


def test_specs_are_json_with_a_kind() -> None:
    adapter: TypeAdapter[Spec] = TypeAdapter(AnyOptimizer)
    for spec in (AdamWSpec(lr=1e-3), MuonSpec(momentum=0.9)):
        assert adapter.validate_json(adapter.dump_json(spec)) == spec
    for bad in ({"kind": "sgd"}, {"kind": "muon", "lr": -1}, {"kind": "adamw", "beta": 1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)
