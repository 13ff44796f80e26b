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

from sfumato.catalogue import fetch_asset
from sfumato.engine.machine import keep_freed_memory
from sfumato.engine.precision import NumberFormat
from sfumato.metrics.efficientnet import EfficientNet
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import PolynomialKernel, kernel_distance
from sfumato.metrics.text_features import NgramFeatures

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache/sfumato/bench/sample_throughput"
FORMATS: tuple[NumberFormat, ...] = ("fp32", "bf16")
Entry = tuple[str, NumberFormat, int]
"""A side, its number format and its evaluations."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        training, text_training: Steps of each network's training.
        ends: Pictures whose ends are compared with the reference.
        fine, their_fine: Evaluations of our reference, and of theirs: as many as its schedule has.
        their_steps: Evaluations of the pipeline; 50 unless its user says otherwise.
        pictures, texts: How many are made to measure their distance to real ones.
        tokens: Of a text.
        steps, text_steps: Evaluations of ours that are tried.
        rounds: Of the clock.
    """

    training: int = 1500
    text_training: int = 500
    ends: int = 16
    fine: int = 512
    their_steps: int = 50
    their_fine: int = 1000
    pictures: int = 256
    texts: int = 64
    tokens: int = 256
    steps: tuple[int, ...] = (4, 5, 6, 8, 10, 12, 15, 20)
    text_steps: tuple[int, ...] = (16, 32, 64, 128)
    rounds: int = 3


QUICK = Sizes(8, 8, 16, 12, 10, 20, 16, 8, 32, (4, 8), (8,), 1)


@dataclass(frozen=True)
class Row:
    """One line of a table; distances are squared kernel distances to held-out items.

    Attributes:
        per_second: Items; the median.
        faster: Times the other side's in the same number format.
        error: Pictures: root-mean-square distance of the ends to the sampler's own fine limit.
        distance, low, high: To held-out items, with a 95 % interval; of texts in bf16 alone, as
            the format was measured to be harmless and texts are slow.
        farther, farther_low, farther_high: How much farther than the other side's samples.
    """

    side: str
    form: str
    evaluations: int
    per_second: float
    faster: float
    error: float | None
    distance: float | None = None
    low: float | None = None
    high: float | None = None
    farther: float | None = None
    farther_low: float | None = None
    farther_high: float | None = None


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
    net = network.trained(kept.folder / "unet.safetensors", data.training, sizes.training)

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

    rows: list[Entry] = [("theirs", form, sizes.their_steps) for form in FORMATS]
    errors = {row: error(*row) for row in rows}
    for form in FORMATS:
        for steps in sizes.steps:
            row: Entry = ("ours", form, steps)
            rows, errors[row] = [*rows, row], error(*row)
            if errors[row] <= errors["theirs", form, sizes.their_steps]:
                break
    eye = EfficientNet(fetch_asset("efficientnet-lite0"))
    seen = {row: eye(_bytes(ends(*row, sizes.pictures))) for row in rows}

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
    return [_row(row, rates, rows, seen, real, errors[row]) for row in rows]


def of_texts(sizes: Sizes, kept: Kept) -> list[Row]:
    """The ancestral loop at 256 evaluations against our default at fewer."""
    run = texts.run_in(kept.folder, sizes.text_training, sizes.tokens)
    tokens = run.spec.data.longest
    rows: list[Entry] = [("theirs", form, tokens) for form in FORMATS]
    rows += [("ours", form, steps) for form in FORMATS for steps in sizes.text_steps]

    def made(side: str, form: NumberFormat, steps: int, n: int) -> list[str]:
        if side == "theirs":
            return texts.theirs(run, form, n)
        return texts.ours(run, form, steps, n)

    def job(row: Entry) -> Callable[[], int]:
        return lambda: len(made(*row, texts.BATCH))

    features = NgramFeatures()

    def seen_in(side: str, form: NumberFormat, steps: int) -> Tensor:
        name = f"texts-{side}-{form}-{steps}"
        return features(kept(name, lambda: made(side, form, steps, sizes.texts)).tolist())

    seen = {row: seen_in(*row) for row in rows if row[1] == "bf16"}
    rates = medians({str(row): job(row) for row in rows}, sizes.rounds)
    real = features(texts.held_out(run, sizes.texts))
    return [_row(row, rates, rows, seen, real, None) for row in rows]


def _row(
    row: Entry,
    rates: Mapping[str, float],
    rows: Iterable[Entry],
    seen: Mapping[Entry, Tensor],
    real: Tensor,
    error: float | None,
) -> Row:
    (other,) = [one for one in rows if one[:2] == ("theirs", row[1])]
    rate = rates[str(row)]
    clocked = (*row, rate, rate / rates[str(other)], error)
    if row not in seen:
        return Row(*clocked)
    kernel = PolynomialKernel()
    distance = kernel_distance(seen[row], real, kernel)
    return Row(*clocked, *distance, *kernel_difference(seen[row], seen[other], real, kernel))


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
