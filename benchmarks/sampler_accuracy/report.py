"""From results.csv to the page and the picture.

python benchmarks/sampler_accuracy/report.py
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes

DEFAULT = "wiener (default)"
SHIPPED = "DPM++M order 2, linspace"
PICTURE = "docs/pictures/sampler-accuracy.svg"

Problem = tuple[str, str]
Errors = dict[str, dict[int, float]]


def read(folder: Path) -> tuple[dict[Problem, Errors], list[dict[str, str]]]:
    """Errors by problem, sampler and budget, and all rows."""
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    errors: dict[Problem, Errors] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["library"] != "-":
            whose = f"{row['library']} {row['sampler']}"
            budget = int(row["budget"])
            errors[row["problem"], row["noise"]][whose][budget] = float(row["error"])
    return errors, rows


def best_peer(of: Errors, budget: int) -> tuple[float, str]:
    """The least error of any peer's sampler at a budget, and whose it is."""
    return min(
        (found[budget], name)
        for name, found in of.items()
        if not name.startswith("sfumato") and budget in found
    )


def budgets_of(errors: dict[Problem, Errors]) -> list[int]:
    """All budgets, least first."""
    return sorted({budget for of in errors.values() for found in of.values() for budget in found})


def ratios(errors: dict[Problem, Errors]) -> Iterator[str]:
    """Our default over the best peer: below 1 is ahead of all of them at once."""
    budgets = budgets_of(errors)
    yield "| problem | noise | " + " | ".join(map(str, budgets)) + " |"
    yield "|---" * (len(budgets) + 2) + "|"
    columns: dict[int, list[float]] = defaultdict(list)
    for (name, noise), of in errors.items():
        cells = []
        for budget in budgets:
            ratio = of[f"sfumato {DEFAULT}"][budget] / best_peer(of, budget)[0]
            columns[budget].append(ratio)
            cells.append(f"**{ratio:.2f}**" if ratio > 1 else f"{ratio:.2f}")
        yield f"| {name} | {noise} | " + " | ".join(cells) + " |"
    middle = [math.exp(sum(map(math.log, c)) / len(c)) for c in columns.values()]
    yield "| geometric mean | | " + " | ".join(f"{m:.2f}" for m in middle) + " |"


def who_was_best(errors: dict[Problem, Errors]) -> Iterator[str]:
    """For three budgets: the best peer with its error, ours, and diffusers' as shipped."""
    yield "| problem | noise | evaluations | best peer | its error | ours | diffusers as shipped |"
    yield "|---" * 7 + "|"
    for (name, noise), of in errors.items():
        for budget in (5, 10, 20):
            least, whose = best_peer(of, budget)
            mine = of[f"sfumato {DEFAULT}"][budget]
            shipped = of.get(f"diffusers {SHIPPED}", {}).get(budget)
            last = "" if shipped is None else f"{shipped:.4f}"
            yield f"| {name} | {noise} | {budget} | {whose} | {least:.4f} | {mine:.4f} | {last} |"


def families(errors: dict[Problem, Errors]) -> Iterator[str]:
    """Geometric means of our own samplers on the one grid."""
    budgets = budgets_of(errors)
    yield "| ours, same grid | " + " | ".join(map(str, budgets)) + " |"
    yield "|---" * (len(budgets) + 1) + "|"
    names = [name for name in next(iter(errors.values())) if name.startswith("sfumato")]
    for name in names:
        cells = []
        for budget in budgets:
            found = [of[name][budget] for of in errors.values()]
            cells.append(f"{math.exp(sum(map(math.log, found)) / len(found)):.4f}")
        yield f"| {name.removeprefix('sfumato ')} | " + " | ".join(cells) + " |"


def distributions(errors: dict[Problem, Errors], rows: list[dict[str, str]]) -> Iterator[str]:
    """Distances to fresh draws, where a small error could hide samples in another mode."""
    at: dict[tuple[str, str, str, int], dict[str, str]] = {}
    for row in rows:
        whose = "exact" if row["library"] == "-" else f"{row['library']} {row['sampler']}"
        at[row["problem"], row["noise"], whose, int(row["budget"])] = row
    yield "| problem | noise | evaluations | ours | best peer by error | the exact ODE's |"
    yield "|---" * 6 + "|"
    for problem, of in errors.items():
        floor = at.get((*problem, "exact", 0))
        if floor is None:
            continue
        for budget in (5, 10, 20):
            mine = at[(*problem, f"sfumato {DEFAULT}", budget)]
            theirs = at[(*problem, best_peer(of, budget)[1], budget)]
            cells = [_two(row) for row in (mine, theirs, floor)]
            yield f"| {problem[0]} | {problem[1]} | {budget} | " + " | ".join(cells) + " |"


def _two(row: dict[str, str]) -> str:
    return f"{float(row['sliced']):.3f}, {1e3 * float(row['kernel']):.2f}"


def draw(errors: dict[Problem, Errors], path: Path) -> None:
    """A panel for each problem: every peer in grey, the best of them at each budget, and ours."""
    mpl.rcParams.update({"svg.hashsalt": "sfumato", "font.size": 8})
    wide = 3
    tall = math.ceil(len(errors) / wide)
    figure, axes = pyplot.subplots(tall, wide, figsize=(10, 2.6 * tall), layout="constrained")
    panels = axes.flatten().tolist()
    for panel, ((name, noise), of) in zip(panels, errors.items(), strict=False):
        _panel(panel, f"{name}, {noise}", of)
    for panel in panels[len(errors) :]:
        panel.axis("off")
    panels[0].legend(loc="lower left", frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _panel(panel: Axes, title: str, of: Errors) -> None:
    budgets = budgets_of({("", ""): of})
    for name, found in of.items():
        if not name.startswith("sfumato"):
            panel.loglog(list(found), list(found.values()), color="#bbbbbb", lw=0.7)
    best = [best_peer(of, budget)[0] for budget in budgets]
    panel.loglog(budgets, best, "--", color="#333333", lw=1.4, label="best peer at each budget")
    mine = [of[f"sfumato {DEFAULT}"][budget] for budget in budgets]
    panel.loglog(budgets, mine, color="#c1440e", lw=2.2, label="Sfumato's default")
    panel.set_title(title)
    panel.set_xticks(budgets, map(str, budgets))
    panel.minorticks_off()
    panel.set_ylim(min(mine) / 2, max(best) * 8)


def write(folder: Path) -> None:
    """README.md beside the results, its tables between the marks, and the picture in the docs."""
    errors, rows = read(folder)
    tables = {
        "ratios": ratios(errors),
        "who": who_was_best(errors),
        "families": families(errors),
        "distributions": distributions(errors, rows),
    }
    page = (folder / "README.md").read_text("utf-8")
    for name, lines in tables.items():
        before, rest = page.split(f"<!-- {name} -->\n", 1)
        _, after = rest.split(f"<!-- end of {name} -->", 1)
        table = "\n".join(lines)
        page = f"{before}<!-- {name} -->\n{table}\n<!-- end of {name} -->{after}"
    (folder / "README.md").write_text(page, "utf-8")
    draw(errors, folder.parents[1] / PICTURE)


if __name__ == "__main__":
    write(Path(__file__).parent)
