"""The autoregressive twin of a run on text: same network, same rows, same minutes, same measure.

The twin is the run's own backbone with a causal kernel, trained by the same engine with the same
optimiser on the same rows to tell each token from those before it. Its bits per character are
exact; those of the diffusion model are a bound.

    sfumato train shakespeare --minutes 60 --name shakespeare
    python benchmarks/text_twin.py shakespeare            # trains the twin, then measures both
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Progress
from sfumato.engine.loop import Trainer
from sfumato.engine.machine import choose_device
from sfumato.engine.settings import Budget
from sfumato.evaluation.likelihood import ratio
from sfumato.media.text.medium import TextData
from sfumato.model.tokens import TokenModel, bound_of_rows
from sfumato.nets.transformer import TokenTransformer
from sfumato.runs.directory import locate
from sfumato.runs.spec import Spec, read
from sfumato.training.data import reopen

_AT_ONCE = 32
# As many neighbours as the bidirectional network mixes, none of them to come.
_BEFORE = (-6, -5, -4, -3, -2, -1, 0)


@dataclass(frozen=True)
class Row:
    tokens: Tensor


def causal(q: Tensor, k: Tensor, v: Tensor, sees: Tensor | None = None) -> Tensor:
    if sees is not None:
        raise NotImplementedError("the twin reads rows of one document only")
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def twin_of(spec: Spec) -> nn.Module:
    recipe, size = spec.recipe, spec.data.vocabulary
    network = recipe.backbone.model_dump(exclude={"kind"})
    torch.manual_seed(recipe.seed)
    # One more state than clean tokens, as the masking process has: here it stands before the first.
    return TokenTransformer(
        size, size + 1, recipe.medium.context, kernel=causal, neighbours=_BEFORE, **network
    )


def nats(network: nn.Module, tokens: Tensor) -> Tensor:
    """Negative log-likelihood of every row, shape (B,)."""
    before = F.pad(tokens[:, :-1], (1, 0), value=network.head.out_features)
    logits = network(before, torch.zeros(len(tokens), device=tokens.device))
    return F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none").sum(1)


def train(network: nn.Module, data: TextData, spec: Spec, folder: Path) -> Trainer[Row]:
    recipe = spec.recipe

    def batch(step: int) -> Row:
        rows = data.training.training_batch(step, recipe.engine.batch, recipe.seed)
        return Row(torch.from_numpy(rows.tokens))

    def loss(row: Row) -> Tensor:
        return nats(network, row.tokens) / row.tokens.shape[1]

    settings = recipe.engine.model_copy(update={"preview_minutes": None, "progress_seconds": 60})
    trainer = Trainer(network, loss, batch, settings, CheckpointStore(folder))
    for event in trainer.run(Budget(recipe.budget.steps, recipe.budget.minutes)):
        if isinstance(event, Progress):
            print(
                f"{event.elapsed / 60:5.1f} min  step {event.step}  loss {event.loss:.4f}",
                flush=True,
            )
    return trainer


@torch.no_grad()
def twin_nats(network: nn.Module, rows: Tensor) -> Tensor:
    network.train(False)
    return torch.cat([nats(network, part) for part in rows.split(_AT_ONCE)]).double()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--rows", type=int, default=1000, help="held-out rows to measure on")
    parser.add_argument("--draws", type=int, default=8, help="times and noises per row")
    asked = parser.parse_args()
    directory = locate(asked.run)
    spec = read(directory.spec)
    *_, data = reopen(directory, spec.data, spec.recipe)
    assert isinstance(data, TextData)
    network = twin_of(spec).to(choose_device())
    trainer = train(network, data, spec, directory.root / "twin")
    held_out = data.held_out.fixed(asked.rows)
    tokens = torch.from_numpy(held_out.tokens)
    with trainer.ema.swapped():
        exact = twin_nats(network, tokens)
    model = TokenModel(directory, spec)
    bound = bound_of_rows(model.denoiser, held_out, asked.draws, 0, classes=0)
    characters = np.array([data.tokenizer.characters(row) for row in held_out.tokens], np.float64)
    ours, twin = (nats.numpy() / math.log(2) for nats in (bound, exact))
    table = {
        "rows": len(tokens),
        "characters": int(characters.sum()),
        "parameters": sum(p.numel() for p in network.parameters()),
        "twin_steps": trainer.state.step,
        "diffusion (bound)": asdict(ratio(ours, characters)),
        "autoregressive twin": asdict(ratio(twin, characters)),
        "gap": asdict(ratio(ours - twin, characters)),
    }
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
