"""How fast backbones train and run: a table of candidates at one picture size.

    python benchmarks/backbones.py --size 32 --batch 64 --rounds 5 --threads 2

Candidates take turns, one step each per round, so a busy machine slows all of them alike; the
table shows medians. With `--threads 1 --cpu-time` the clock counts processor time only, which is
steadier still when other programs run. On Linux, set MALLOC_MMAP_THRESHOLD_ and
MALLOC_TRIM_THRESHOLD_ to a large number to see what keeping freed memory gains.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from sfumato.nets.specs import Backbone, TransformerSpec, UNetSpec


def _unet(
    patch: int, widths: tuple[int, ...], blocks: tuple[int, ...], attention: int = 1
) -> UNetSpec:
    """A U-Net with attention at its `attention` coarsest levels."""
    fine = len(widths) - attention
    flags = (False,) * fine + (True,) * attention
    return UNetSpec.model_validate(
        {"patch": patch, "widths": widths, "blocks": blocks, "attention": flags}
    )


CANDIDATES: dict[str, Backbone] = {
    "U-Net p1 (64,128,192) x1": _unet(1, (64, 128, 192), (1, 1, 1)),
    "U-Net p1 (32,64,128,256) x1": _unet(1, (32, 64, 128, 256), (1, 1, 1, 2), 2),
    "U-Net p2 (96,192,256) x1": _unet(2, (96, 192, 256), (1, 1, 2)),
    "U-Net p2 (64,128,256) x1": _unet(2, (64, 128, 256), (1, 1, 2)),
    "U-Net p2 (64,128,256) x1, attention at 8": _unet(2, (64, 128, 256), (1, 1, 2), 2),
    "U-Net p2 (64,128,256) x2": _unet(2, (64, 128, 256), (2, 2, 2)),
    "U-Net p2 (64,192,384) x1": _unet(2, (64, 192, 384), (1, 1, 2)),
    "U-Net p2 (128,256) x1": _unet(2, (128, 256), (1, 2)),
    "U-Net p2 (128,256) x2": _unet(2, (128, 256), (2, 2)),
    "DiT p4 256 x6": TransformerSpec(patch=4, dim=256, depth=6, heads=4),
    "DiT p4 256 x8": TransformerSpec(patch=4, dim=256, depth=8, heads=4),
    "DiT p4 384 x6": TransformerSpec(patch=4, dim=384, depth=6, heads=6),
    "DiT p4 384 x8": TransformerSpec(patch=4, dim=384, depth=8, heads=6),
    "DiT p2 192 x6": TransformerSpec(patch=2, dim=192, depth=6, heads=3),
}


@dataclass
class Entry:
    """A candidate and its timings, in seconds."""

    name: str
    network: nn.Module
    train: Callable[[], None]
    infer: Callable[[], None]
    train_s: list[float] = field(default_factory=list)
    infer_s: list[float] = field(default_factory=list)


def prepare(name: str, spec: Backbone, size: int, batch: int) -> Entry:
    """Build a candidate with closures for one training step and one evaluation."""
    torch.manual_seed(0)
    network = spec.build(3, (size, size))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    x, target = torch.randn(2, batch, 3, *(size,) * spec.axes)
    level = torch.randn(batch)

    def train() -> None:
        network.train()
        loss = (network(x, level) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def infer() -> None:
        network.eval()
        with torch.inference_mode():
            network(x, level)

    return Entry(name, network, train, infer)


def timed(action: Callable[[], None], clock: Callable[[], float]) -> float:
    """Seconds that one call takes by this clock."""
    start = clock()
    action()
    return clock() - start


def main() -> None:
    """Time the candidates whose name contains the filter and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="candidates whose name contains this")
    parser.add_argument("--cpu-time", action="store_true", help="time the processor, not the wall")
    args = parser.parse_args()
    clock = time.process_time if args.cpu_time else time.perf_counter
    torch.set_num_threads(args.threads)
    entries = [
        prepare(name, spec, args.size, args.batch)
        for name, spec in CANDIDATES.items()
        if args.only in name
    ]
    for entry in entries:
        entry.train()  # the first step allocates memory and is not timed
    for _ in range(args.rounds):
        for entry in entries:
            entry.train_s.append(timed(entry.train, clock))
            entry.infer_s.append(timed(entry.infer, clock))
    print("| backbone | M parameters | training, samples/s | inference, samples/s |")
    print("|---|---|---|---|")
    for entry in entries:
        millions = sum(p.numel() for p in entry.network.parameters()) / 1e6
        rates = [args.batch / statistics.median(s) for s in (entry.train_s, entry.infer_s)]
        print(f"| {entry.name} | {millions:.1f} | {rates[0]:.0f} | {rates[1]:.0f} |")


if __name__ == "__main__":
    main()
