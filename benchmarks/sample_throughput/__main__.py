"""Pictures and texts a second at equal quality, ours beside the usual loops on the same weights.

    python benchmarks/sample_throughput [--only pictures|texts] [--quick]

Pictures: a diffusers U-Net trained here on openmoji (cached under ~/.cache/sfumato/bench), sampled
by its DDIMPipeline with 50 steps as shipped and by our default sampler. Texts: a run on
Shakespeare trained here, sampled by the ancestral loop at as many evaluations as tokens and by
ours. Both sides in fp32 and bf16, interleaved, medians. Writes pictures.csv and texts.csv beside
this file; samples are kept in the cache, so that an interrupted benchmark goes on where it was.
Needs diffusers. ``--quick`` shows that it works, on hardly trained networks.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import contest
import network
import numpy as np
import texts
import torch
from torch import Tensor

from sfumato.engine.machine import keep_freed_memory
from sfumato.engine.precision import NumberFormat
from sfumato.media.catalogue import fetch_asset
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import Kernel, PolynomialKernel, kernel_distance
from sfumato.metrics.ngram_features import NgramFeatures

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache/sfumato/bench/sample_throughput"
FORMATS: tuple[NumberFormat, ...] = ("fp32", "bf16")
THEIR_STEPS = 50
OUR_STEPS = (4, 5, 6, 8, 10, 12, 15, 20)
TEXT_STEPS = (16, 32, 64, 128)


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        minutes: Training of each network.
        ends: Pictures whose ends are compared with the reference.
        fine, their_fine: Evaluations of our reference, and of theirs: as many as its schedule has.
        samples: Pictures and texts whose distance to real ones is measured.
        rounds: Of the clock.
    """

    minutes: float = 8.0
    ends: int = 32
    fine: int = 512
    their_fine: int = 1000
    samples: int = 512
    rounds: int = 5


QUICK = Sizes(minutes=0.25, ends=4, fine=40, their_fine=100, samples=16, rounds=1)


@dataclass(frozen=True)
class Row:
    """One line of a table; distances are squared kernel distances to held-out items.

    Attributes:
        per_second: Items; the median.
        faster: Times the other side's in the same number format.
        error: Pictures: root-mean-square distance of the ends to the sampler's own fine limit.
        distance, low, high: To held-out items, with a 95 % interval.
        farther, farther_low, farther_high: How much farther than the other side's samples.
    """

    side: str
    form: str
    evaluations: int
    per_second: float
    faster: float
    error: float | None
    distance: float
    low: float
    high: float
    farther: float
    farther_low: float
    farther_high: float


class Kept:
    """Arrays and texts that cost minutes, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, make: Callable[[], Any]) -> np.ndarray[Any, Any]:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            begun = time.perf_counter()
            np.save(path, np.asarray(make()))
            print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
        return np.load(path)


def medians(jobs: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Items a second of each job, in turns; the first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            begun = time.perf_counter()
            count = job()
            if turn or rounds == 1:
                rates[name].append(count / (time.perf_counter() - begun))
    return {name: statistics.median(found) for name, found in rates.items()}


def of_pictures(sizes: Sizes, kept: Kept) -> list[Row]:
    """DDIM with 50 steps against our default at as many as it takes to be as near its own limit."""
    data = network.pictures()
    net = network.trained(kept.folder / "unet.safetensors", data.training, sizes.minutes)

    def ends(side: str, form: NumberFormat, steps: int, n: int) -> Tensor:
        make = contest.theirs if side == "theirs" else contest.ours
        parts = [
            kept(f"{side}-{form}-{steps}-{one.start}", lambda one=one: make(net, form, steps, one))
            for one in contest.batches(n)
        ]
        return torch.from_numpy(np.concatenate(parts))

    def error(side: str, form: NumberFormat, steps: int) -> float:
        fine = ends(side, "fp32", sizes.their_fine if side == "theirs" else sizes.fine, sizes.ends)
        found = ends(side, form, steps, sizes.ends)
        return (found - fine).square().mean().sqrt().item()

    rows = [("theirs", form, THEIR_STEPS) for form in FORMATS]
    errors = {row: error(*row) for row in rows}
    for form in FORMATS:
        for steps in OUR_STEPS:
            row = ("ours", form, steps)
            rows, errors[row] = [*rows, row], error(*row)
            if errors[row] <= errors["theirs", form, THEIR_STEPS]:
                break
    eye = EfficientNet(fetch_asset("efficientnet-lite0"))
    seen = {row: eye(_bytes(ends(*row, sizes.samples))) for row in rows}

    def job(side: str, form: NumberFormat, steps: int) -> Callable[[], int]:
        def work() -> int:
            if side == "theirs":
                contest.pipeline(net, form, steps)
            else:
                contest.ours(net, form, steps, range(contest.BATCH))
            return contest.BATCH

        return work

    rates = medians({str(row): job(*row) for row in rows}, sizes.rounds)
    real = eye(data.held_out)
    return [_row(row, rates, rows, seen, real, PolynomialKernel(), errors[row]) for row in rows]


def of_texts(sizes: Sizes, kept: Kept) -> list[Row]:
    """The ancestral loop at 256 evaluations against our default at fewer."""
    run = texts.run_in(kept.folder, sizes.minutes)
    tokens = texts.longest(run.spec)
    rows = [("theirs", form, tokens) for form in FORMATS]
    rows += [("ours", form, steps) for form in FORMATS for steps in TEXT_STEPS]

    def made(side: str, form: NumberFormat, steps: int, n: int) -> list[str]:
        if side == "theirs":
            return texts.theirs(run, form, n)
        return texts.ours(run, form, steps, n)

    def job(row: tuple[str, NumberFormat, int]) -> Callable[[], int]:
        return lambda: len(made(*row, texts.BATCH))

    features = NgramFeatures()

    def seen_in(side: str, form: NumberFormat, steps: int) -> Tensor:
        name = f"texts-{side}-{form}-{steps}"
        return features(kept(name, lambda: made(side, form, steps, sizes.samples)).tolist())

    seen = {row: seen_in(*row) for row in rows}
    rates = medians({str(row): job(row) for row in rows}, sizes.rounds)
    real = features(texts.held_out(run, sizes.samples))
    return [_row(row, rates, rows, seen, real, PolynomialKernel(), None) for row in rows]


def _row(
    row: tuple[str, NumberFormat, int],
    rates: Mapping[str, float],
    rows: Iterable[tuple[str, NumberFormat, int]],
    seen: Mapping[tuple[str, NumberFormat, int], Tensor],
    real: Tensor,
    kernel: Kernel,
    error: float | None,
) -> Row:
    side, form, steps = row
    (other,) = [one for one in rows if one[:2] == ("theirs", form)]
    distance = kernel_distance(seen[row], real, kernel)
    farther = kernel_difference(seen[row], seen[other], real, kernel)
    rate = rates[str(row)]
    return Row(side, form, steps, rate, rate / rates[str(other)], error, *distance, *farther)


def _bytes(ends: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return ((ends + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def write(path: Path, rows: list[Row], sizes: Sizes) -> None:
    """A line on the machine and the sizes, and the table."""
    with path.open("w", newline="") as file:
        file.write(
            f"# {platform.machine()} {platform.system()}, {torch.get_num_threads()} threads, torch "
            f"{torch.__version__}, {sizes}\n"
        )
        table = csv.DictWriter(file, list(asdict(rows[0])))
        table.writeheader()
        for row in rows:
            shown = asdict(row)
            table.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in shown.items()})
    print(path.read_text())


def main() -> None:
    """Write the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["pictures", "texts"])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else Sizes()
    kept = Kept(CACHE / ("quick" if asked.quick else "full"))
    keep_freed_memory()  # For both sides, as our commands do.
    folder = kept.folder if asked.quick else HERE
    if asked.only != "texts":
        write(folder / "pictures.csv", of_pictures(sizes, kept), sizes)
    if asked.only != "pictures":
        write(folder / "texts.csv", of_texts(sizes, kept), sizes)


if __name__ == "__main__":
    main()
