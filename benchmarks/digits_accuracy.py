"""Does ``--label 7`` give sevens? Judged by a classifier that has only seen real digits.

    sfumato train mnist5k --minutes 15 --name digits
    python benchmarks/digits_accuracy.py digits [--per-class 100] [--scale 1.0]

A small convolutional network is trained on the real digits that the run was trained on, and tested
on the held-out ones; then it reads samples of every class. Prints a Markdown table.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import sfumato
from sfumato.media.number_data import NumberData
from sfumato.training.data import reopen


def classifier(channels: int, classes: int) -> nn.Module:
    """A LeNet with modern parts."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, classes),
    )  # fmt: skip


def fit(net: nn.Module, x: Tensor, y: Tensor, epochs: int = 12) -> None:
    """Train with small shifts; seeded."""
    generator = torch.Generator().manual_seed(0)
    steps = epochs * (len(x) // 64)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    net.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=generator)
        move = torch.randint(-2, 3, (2,), generator=generator).tolist()
        loss = F.cross_entropy(net(x[rows].roll(move, (2, 3))), y[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()


@torch.no_grad()
def read(net: nn.Module, x: Tensor) -> Tensor:
    """The class that the network sees in each picture."""
    return torch.cat([net(part).argmax(1) for part in x.split(256)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=None)
    asked = parser.parse_args()

    run = sfumato.open(asked.run)
    spec = run.spec
    events = list(reopen(run.directory, spec.data, spec.recipe))
    (data,) = [event for event in events if isinstance(event, NumberData)]

    def real(ids: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels, labels = data.dataset.gather(ids)
        return data.medium.examples(pixels).x0, torch.from_numpy(labels)

    torch.manual_seed(0)
    net = classifier(data.medium.shape[0], len(spec.data.classes))
    fit(net, *real(data.training))
    held_x, held_y = real(data.held_out)
    on_real = (read(net, held_x) == held_y).float().mean().item()

    print(f"classifier on {len(held_y)} held-out real digits: {on_real:.1%}\n")
    print("| label | read as that label |\n|---|---|")
    right = []
    for number, label in enumerate(spec.data.classes):
        made = run.sample(
            asked.per_class, label=label, scale=asked.scale, steps=asked.steps, batch=50
        )
        seen = read(net, data.medium.examples(made.items.transpose(0, 3, 1, 2).copy()).x0)
        right.append((seen == number).float().mean().item())
        print(f"| {label} | {right[-1]:.0%} |", flush=True)
    print(f"| all | {np.mean(right):.1%} |")


if __name__ == "__main__":
    main()
