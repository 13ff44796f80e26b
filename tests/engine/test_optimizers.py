from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from sfumato.engine.optim import AdamWSpec


def test_the_numbers_are_those_of_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    spec = AdamWSpec(lr=1e-2, weight_decay=0.1)
    optimizer = spec.build(ours.named_parameters())
    groups = [
        {"params": [theirs.weight], "weight_decay": 0.1},
        {"params": [theirs.bias], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=1e-2, betas=spec.betas, eps=spec.eps, fused=True)
    for _ in range(5):
        x = torch.randn(7, 5)
        for module, one in ((ours, optimizer), (theirs, reference)):
            one.zero_grad()
            module(x).square().mean().backward()
            one.step()
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


def test_a_step_does_not_import_the_compiler() -> None:
    code = """
import sys, torch
from sfumato.engine.optim import AdamWSpec, MuonSpec
for spec in (AdamWSpec(), MuonSpec()):
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    optimizer = spec.build(module.named_parameters())
    optimizer.zero_grad()
    module(torch.ones(2, 4)).sum().backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
