"""How far samples are from real pictures: the kernel distance on features of EfficientNet-lite0."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plan import NAMES, Place, Plan
from torch import Tensor

from sfumato.catalogue import fetch_asset
from sfumato.evaluation.features import evenly_spaced
from sfumato.media.number_data import NumberData
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.kernel_distance import GaussianKernel, KernelDistance, kernel_distance

_FILE = "judged.json"


@dataclass(frozen=True)
class Judged:
    """What the weights of one mark came to; distances are times 100.

    Attributes:
        name: Whose.
        mark: Minutes of training asked for.
        minutes: Minutes trained when the weights were kept.
        steps: Optimiser steps until then.
        seen: Samples trained on until then.
        n: Samples judged.
        held_out: Distance to pictures held out, and the bounds of its 95 % interval.
        training: The same to those trained on.
    """

    name: str
    mark: float
    minutes: float
    steps: int
    seen: int
    n: int
    held_out: tuple[float, float, float]
    training: tuple[float, float, float]


class Judge:
    """Compares samples with the real pictures of one set.

    Args:
        data: The pictures.
        folder: Where the features of the real ones are kept.
        most: Training pictures that are looked at, evenly spaced.
    """

    def __init__(self, data: NumberData, folder: Path, most: int) -> None:
        self._look = EfficientNet(fetch_asset(EfficientNet.name))
        known = data.training[evenly_spaced(len(data.training), most).numpy()]
        self.training = self._real(data, known, folder / f"training-{len(known)}.npy")
        self.held_out = self._real(data, data.held_out, folder / "held-out.npy")
        self.kernel = GaussianKernel.of(self.training)

    def _real(self, data: NumberData, chosen: NDArray[np.int64], path: Path) -> Tensor:
        if not path.exists():
            items, _ = data.dataset.gather(chosen)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, self._look(items).numpy())
        return torch.from_numpy(np.load(path))

    def __call__(self, pictures: NDArray[np.uint8]) -> tuple[KernelDistance, KernelDistance]:
        """Distances of samples, shape (n, H, W, C), to pictures held out and trained on."""
        found = self._look(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
        held_out = kernel_distance(found, self.held_out, self.kernel)
        return held_out, kernel_distance(found, self.training, self.kernel)

    def floor(self) -> KernelDistance:
        """Between the pictures held out and those trained on: what cannot be beaten but by luck."""
        return kernel_distance(self.held_out, self.training, self.kernel)


def judged(work: Path, source: str, plan: Plan, judge: Judge) -> list[Judged]:
    """Judge what has been sampled on a set and not been judged before; returns all."""
    path = work / source / _FILE
    results = read(work, source)
    known = {(one.name, one.mark, one.n) for one in results}
    for name in NAMES:
        place = Place(work, source, name)
        if not place.trained.exists():
            continue
        for facts in json.loads(place.trained.read_text()):
            mark, n = facts["mark"], plan.samples_at(name, facts["mark"])
            pictures = samples_in(place.samples(mark))
            if len(pictures) < n or (name, mark, n) in known:
                continue
            held_out, training = (hundred(found) for found in judge(pictures[:n]))
            results.append(
                Judged(
                    name, mark, facts["minutes"], int(facts["steps"]), int(facts["samples"]), n,
                    held_out, training,
                )
            )  # fmt: skip
            path.write_text(json.dumps([asdict(one) for one in results], indent=1))
    return results


def hundred(found: KernelDistance) -> tuple[float, float, float]:
    """A distance and the bounds of its interval, times 100."""
    return 100 * found.value, 100 * found.low, 100 * found.high


def read(work: Path, source: str) -> list[Judged]:
    """What was judged before."""
    path = work / source / _FILE
    if not path.exists():
        return []
    trees = json.loads(path.read_text())
    tuples = ("held_out", "training")
    return [Judged(**{k: tuple(v) if k in tuples else v for k, v in t.items()}) for t in trees]


def samples_in(folder: Path) -> NDArray[np.uint8]:
    """The samples in a folder in their order, shape (n, H, W, C); n may be 0."""
    parts = [np.load(path) for path in sorted(folder.glob("*.npy"))]
    return np.concatenate(parts) if parts else np.empty((0, 0, 0, 0), np.uint8)
