"""From rates to tables.

python benchmarks/train_throughput/report.py
"""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contest import BARE, DIFFUSERS, LUCIDRAINS, OURS, PEAK

TABLE = Path(__file__).parent / "results.csv"
_BASE = {"unet": DIFFUSERS, "dit": DIFFUSERS, "own-blocks": DIFFUSERS}
_DEFAULT = "default", "image-transformer"


@dataclass(frozen=True)
class Row:
    """A contestant's results, as they are kept.

    Attributes:
        contest, who, network, precision, compiled: See :class:`contest.Contestant`.
        parameters: Weights.
        gflop: Of a training step, a sample.
        megabytes: The most memory held.
        rates: Samples a second, one of each round.
    """

    contest: str
    who: str
    network: str
    precision: str
    compiled: bool
    parameters: int
    gflop: float
    megabytes: int
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)

    def over(self, other: Row) -> float:
        """The median over the rounds of the ratio within the round."""
        return statistics.median(a / b for a, b in zip(self.rates, other.rates, strict=True))

    def share_of(self, peak: Row) -> float:
        """Of the matrix product's speed, by floating-point operations."""
        return self.over(peak) * self.gflop / peak.gflop


def read(path: Path = TABLE) -> list[Row]:
    """The kept rows."""
    if not path.exists():
        return []
    with path.open() as file:
        return [_row(fields) for fields in csv.DictReader(file)]


def _row(fields: dict[str, str]) -> Row:
    return Row(
        fields["contest"],
        fields["who"],
        fields["network"],
        fields["precision"],
        fields["compiled"] == "yes",
        int(fields["parameters"]),
        float(fields["gflop"]),
        int(fields["megabytes"]),
        tuple(map(float, fields["rates"].split())),
    )


def keep(rows: Iterable[Row], path: Path = TABLE) -> None:
    """Put rows in place of those of the same contests."""
    fresh = list(rows)
    contests = {row.contest for row in fresh}
    kept = [row for row in read(path) if row.contest not in contests] + fresh
    names = list(Row.__dataclass_fields__)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in kept:
            told = {name: str(getattr(row, name)) for name in names}
            told["compiled"] = "yes" if row.compiled else "no"
            told["gflop"] = f"{row.gflop:.4g}"
            told["rates"] = " ".join(f"{rate:.5g}" for rate in row.rates)
            writer.writerow(told[name] for name in names)


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """A table of each contest, then the targets."""
    for contest, whose in _BASE.items():
        these = [row for row in rows if row.contest == contest]
        base = one(these, whose, "fp32")
        if base is not None:
            yield from _contest(contest, these, base)
            yield ""
    yield from _peak([row for row in rows if row.contest == _DEFAULT[0]])
    yield ""
    yield "| target | wanted | eager | compiled |"
    yield "|---|---|---|---|"
    for what, wanted, eager, compiled in targets(rows):
        yield f"| {what} | {wanted:.2g} | {_told(eager, wanted)} | {_told(compiled, wanted)} |"


def _contest(contest: str, rows: list[Row], base: Row) -> Iterator[str]:
    yield (
        f"| {contest} | network | M weights | samples/s (least to most) | "
        f"over {base.who}, fp32 | GFLOP/s | peak MB |"
    )
    yield "|---" * 7 + "|"
    for row in rows:
        weights = f"{row.parameters / 1e6:.1f}"
        cells = [weights, _spread(row), f"{row.over(base):.2f}", _speed(row), str(row.megabytes)]
        yield f"| {row.who}, {_how(row)} | {row.network} | " + " | ".join(cells) + " |"


def _peak(rows: list[Row]) -> Iterator[str]:
    peak = one(rows, PEAK)
    if peak is None:
        return
    yield "| default | M weights | samples/s (least to most) | GFLOP/s | of the product |"
    yield "|---" * 5 + "|"
    for row in rows:
        weights = f"{row.parameters / 1e6:.1f}" if row is not peak else ""
        spread = _spread(row) if row is not peak else ""
        cells = [weights, spread, _speed(row), f"{row.share_of(peak):.0%}"]
        yield f"| {row.who}, {row.network}, {_how(row)} | " + " | ".join(cells) + " |"


def _how(row: Row) -> str:
    return f"{row.precision}, compiled" if row.compiled else row.precision


def _spread(row: Row) -> str:
    return f"{row.rate:.1f} ({min(row.rates):.1f} to {max(row.rates):.1f})"


def _speed(row: Row) -> str:
    return f"{row.rate * row.gflop:.0f}"


Target = tuple[str, float, float | None, float | None]


def targets(rows: Sequence[Row]) -> Iterator[Target]:
    """What was aimed at, and how far eager and compiled training came; None if not measured."""
    for network in ("unet", "dit"):
        for who in (DIFFUSERS, LUCIDRAINS):
            for precision, wanted in (("fp32", 2.0), ("bf16", 1.3)):
                yield _target(rows, network, network, who, precision, wanted)
        yield _target(rows, network, network, BARE, "fp32", 1.0, "fp32")
        yield _target(rows, network, network, BARE, "bf16", 1.0)
    for network in ("own-unet", "own-transformer"):
        for who in (DIFFUSERS, LUCIDRAINS):
            for precision, wanted in (("fp32", 4.0), ("bf16", 2.0)):
                yield _target(rows, "own-blocks", network, who, precision, wanted)
    these = [row for row in rows if row.contest == _DEFAULT[0]]
    peak = one(these, PEAK)
    found = [_ours(these, _DEFAULT[1], compiled) for compiled in (False, True)]
    shares = [None if row is None or peak is None else row.share_of(peak) for row in found]
    yield f"{_DEFAULT[1]}, share of the matrix product's speed", 0.5, shares[0], shares[1]


def _target(
    rows: Sequence[Row],
    contest: str,
    network: str,
    who: str,
    precision: str,
    wanted: float,
    mine: str = "auto",
) -> Target:
    these = [row for row in rows if row.contest == contest]
    theirs = one(these, who, precision)
    found = [_ours(these, network, compiled, mine) for compiled in (False, True)]
    eager, compiled = (None if row is None or theirs is None else row.over(theirs) for row in found)
    own = network if mine == "auto" else f"{network} in {mine}"
    return f"{own} over {who}, {precision}", wanted, eager, compiled


def _ours(rows: Sequence[Row], network: str, compiled: bool, precision: str = "auto") -> Row | None:
    wanted = OURS, network, precision, compiled
    found = (r for r in rows if (r.who, r.network, r.precision, r.compiled) == wanted)
    return next(found, None)


def one(rows: Sequence[Row], who: str, precision: str | None = None) -> Row | None:
    """The first row of somebody, not compiled."""
    found = (
        row
        for row in rows
        if row.who == who and not row.compiled and precision in (None, row.precision)
    )
    return next(found, None)


def _told(found: float | None, wanted: float) -> str:
    if found is None:
        return ""
    return f"{found:.2f}" if found >= wanted else f"**{found:.2f}**"


if __name__ == "__main__":
    print("\n".join(tables(read(Path(sys.argv[1]) if sys.argv[1:] else TABLE))))
