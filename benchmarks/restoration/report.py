"""From results.csv and held-out.csv to the page and the picture.

python benchmarks/restoration/report.py
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from rows import EXACT, Row, read
from tables import markdown

OURS = "sfumato moment matching, 16 particles"
FAMILY = "sfumato moment matching, "
ONE = FAMILY + "1 particle"
PEERS_LEAST = 100
"""The smallest budget of the peers: twice that of ours with one particle."""
PICTURE = "docs/pictures/restoration.svg"
TOKENS = "tokens.csv"
FILES = {"table": "results.csv", "held out": "held-out.csv"}


def table(rows: Sequence[Row]) -> str:
    """All rows with the columns that matter."""
    return "\n".join(_markdown(_ROW_HEAD, (_row_cells(row) for row in rows)))


_ROW_HEAD = (
    "problem",
    "sampler",
    "evaluations",
    "products",
    "energy",
    "shares",
    "spread",
    "50 %",
    "90 %",
    "residual (exact)",
    "seconds",
)


def _row_cells(row: Row) -> list[str]:
    return [
        row.problem,
        row.title,
        f"{row.evaluations:.0f}",
        f"{row.products:.0f}",
        _number(row.energy),
        _number(row.shares, 2),
        _number(row.spread, 2),
        _number(row.coverage50, 2),
        _number(row.coverage90, 2),
        f"{_number(row.residual, 2)} ({_number(row.expected, 2)})",
        f"{row.seconds:.1f}",
    ]


def _number(value: float, digits: int = 3) -> str:
    if not math.isfinite(value):
        return "diverged"
    # Beyond any use: only the size matters.
    return f"{value:.0e}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def _markdown(head: Sequence[str], lines: Iterator[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for line in lines:
        yield "| " + " | ".join(line) + " |"


# Ours beside the best peer ----------------------------------------------------------------------


def peers(rows: Sequence[Row]) -> list[Row]:
    """The rows of other libraries that did not diverge."""
    return [row for row in rows if row.library not in ("", "sfumato") and math.isfinite(row.energy)]


def best_peer(rows: Sequence[Row], evaluations: float) -> Row:
    """The least energy distance of any peer, with at most so many evaluations of a sample."""
    return min(
        (row for row in peers(rows) if row.evaluations <= evaluations + 0.5),
        key=lambda row: row.energy,
    )


def by_problem(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of each problem, in order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.problem, []).append(row)
    return groups


def of(rows: Sequence[Row], title: str) -> Row | None:
    """The row of a contestant with the largest budget."""
    found = [row for row in rows if row.title == title]
    return max(found, key=lambda row: row.budget) if found else None


def duels(rows: Sequence[Row]) -> Iterator[str]:
    """Ours, and whichever peer is best on the problem; bold where an aim is missed."""
    head = ("problem", "noise", "ours", "best peer", "its scores", "ratio", "exact draws")
    return _markdown(head, _duels(rows))


def _duels(rows: Sequence[Row]) -> Iterator[list[str]]:
    for name, group in by_problem(rows).items():
        several = group[0].modes > 1
        mine, chance = of(group, OURS if several else ONE), of(group, EXACT)
        if mine is None or chance is None:
            continue
        met = mine.energy <= 0.05 and mine.excess <= 0.05 if several else mine.energy < 0.01
        scores = f"{_number(mine.energy)} / {_number(mine.shares, 2)}"
        chances = f"{_number(chance.energy)} / {_number(chance.shares, 2)}"
        ours = [name, f"{mine.noise:.2g}", scores if met else f"**{scores}**"]
        yield [*ours, *_beside(mine, group), chances]


def _beside(mine: Row, group: Sequence[Row]) -> list[str]:
    """The best peer, its scores, and the ratio of the energy distances."""
    if not peers(group):
        return ["not measured", "–", "–"]
    theirs = best_peer(group, max(mine.evaluations, PEERS_LEAST))
    ratio = mine.energy / max(theirs.energy, 1e-9)
    # Where both are as good as exact draws, their ratio is one of chances.
    is_ratio = max(mine.energy, theirs.energy) > 0.01
    return [
        f"{theirs.title}, {theirs.evaluations:.0f}",
        f"{_number(theirs.energy)} / {_number(theirs.shares, 2)}",
        "–" if not is_ratio else f"{ratio:.2f}" if ratio <= 0.1 else f"**{ratio:.2f}**",
    ]


def overall(rows: Sequence[Row]) -> str:
    """Ours and the one peer that is best on average where there are several modes."""
    several = [row for row in rows if row.modes > 1]
    count = len(by_problem(several))
    means = {
        (group[0].title, group[0].budget): _average([row.energy for row in group])
        for group in _contestants([*peers(several), *(r for r in several if r.title == OURS)])
        if len(group) == count
    }
    mine = min((mean for (title, _), mean in means.items() if title == OURS), default=math.nan)
    theirs = {key: mean for key, mean in means.items() if key[0] != OURS}
    if not theirs:
        return ""
    (title, budget), least = min(theirs.items(), key=lambda item: item[1])
    return (
        f"On average over the {count} problems of several modes the energy distance is "
        f"{_number(mine)}; of one peer with one setting it is {_number(least)} at best ({title}, "
        f"{budget} evaluations), {least / mine:.0f} times as much."
    )


# Everyone ---------------------------------------------------------------------------------------


def everyone(rows: Sequence[Row]) -> Iterator[str]:
    """Means over problems of several modes and of one, for every contestant and budget."""
    head = (
        "sampler",
        "evaluations + products",
        "modes: energy",
        "worst",
        "shares",
        "50 %",
        "90 %",
        "residual",
        "one mode: energy",
        "worst",
        "seconds",
    )
    return _markdown(head, (_everyone(group) for group in _contestants(rows)))


def _contestants(rows: Sequence[Row]) -> list[list[Row]]:
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.title, row.budget), []).append(row)
    return list(groups.values())


def _everyone(group: Sequence[Row]) -> list[str]:
    several = [row for row in group if row.modes > 1]
    single = [row for row in group if row.modes == 1]
    evaluations, products = (
        _average([getattr(row, name) for row in group]) for name in ("evaluations", "products")
    )
    return [
        group[0].title,
        f"{evaluations:.0f} + {products:.0f}",
        _number(_average([row.energy for row in several])),
        _number(_worst([row.energy for row in several])),
        _number(_average([row.shares for row in several]), 2),
        _number(_average([row.coverage50 for row in several]), 2),
        _number(_average([row.coverage90 for row in several]), 2),
        _number(_average([row.residual / row.expected for row in several]), 1),
        _number(_average([row.energy for row in single])),
        _number(_worst([row.energy for row in single])),
        f"{_average([row.seconds for row in group]):.1f}",
    ]


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _worst(values: Sequence[float]) -> float:
    if not values or any(math.isnan(value) for value in values):
        return math.nan
    return max(values)


# The picture and the page -----------------------------------------------------------------------


def draw(rows: Sequence[Row], path: Path) -> None:
    """A panel for each problem: energy distance by passes through the network."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.rcParams.update({"svg.hashsalt": "sfumato", "font.size": 8})
    groups = by_problem(rows)
    wide = 4
    tall = math.ceil((len(groups) + 1) / wide)
    figure, axes = pyplot.subplots(
        tall, wide, figsize=(11, 2.5 * tall), layout="constrained", sharex=True, sharey=True
    )
    panels = axes.flatten().tolist()
    for panel, (name, group) in zip(panels, groups.items(), strict=False):
        _panel(panel, f"{name}, noise {group[0].noise:.2g}", group)
    for panel in panels[len(groups) :]:
        panel.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[len(groups)].legend(handles, labels, loc="center", frameon=False)
    figure.supxlabel("evaluations and products with the Jacobian, a sample")
    figure.supylabel("energy distance to the exact posterior over its spread")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


_FLOOR = 1e-3
_STYLES = {
    "azula": ("#999999", "o", "azula"),
    "deepinv": ("#555555", "^", "deepinv"),
    "sfumato": ("#7fb2d9", "s", "Sfumato, other methods"),
}


def _panel(panel: Any, title: str, group: Sequence[Row]) -> None:
    mine = sorted((row for row in group if _is_default(row)), key=lambda row: row.passes)
    for library, (colour, marker, label) in _STYLES.items():
        found = [row for row in group if row.library == library and math.isfinite(row.energy)]
        found = [row for row in found if row not in mine]
        x, y = [row.passes for row in found], [max(row.energy, _FLOOR) for row in found]
        panel.loglog(x, y, marker, color=colour, ms=3, ls="", label=label)
    x, y = [row.passes for row in mine], [max(row.energy, _FLOOR) for row in mine]
    panel.loglog(
        x, y, "o-", color="#c1440e", ms=5, label="Sfumato, moment matching; 1, 4, 16 particles"
    )
    panel.axhline(0.05, color="#c1440e", lw=0.7, ls=":", label="aim")
    panel.set_title(title, fontsize=7)
    panel.set_ylim(_FLOOR / 1.3, 10)


def _is_default(row: Row) -> bool:
    return row.title.startswith(FAMILY) and "particle" in row.title


def write(folder: Path) -> None:
    """README.md beside the results, its tables between the marks, and the picture in the docs."""
    page = (folder / "README.md").read_text("utf-8")
    for key, file in FILES.items():
        if not (folder / file).exists():
            continue
        rows = read(folder / file)
        page = _between(page, f"duels, {key}", "\n".join([*duels(rows), "", overall(rows)]))
        page = _between(page, f"everyone, {key}", "\n".join(everyone(rows)))
        if key == "table":
            draw(rows, folder.parents[1] / PICTURE)
    if (folder / TOKENS).exists():
        lines = (folder / TOKENS).read_text("utf-8").splitlines()
        cells = csv.DictReader(line for line in lines if not line.startswith("#"))
        page = _between(page, "tokens", markdown(cells))
    (folder / "README.md").write_text(page, "utf-8")


def _between(page: str, name: str, text: str) -> str:
    if f"<!-- {name} -->\n" not in page:
        return page
    before, rest = page.split(f"<!-- {name} -->\n", 1)
    _, after = rest.split(f"<!-- end of {name} -->", 1)
    return f"{before}<!-- {name} -->\n{text}\n<!-- end of {name} -->{after}"


if __name__ == "__main__":
    write(Path(__file__).parent)
