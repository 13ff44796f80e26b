"""Tables, the figures aimed at, and the sheets."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from judge import Judge, Judged, hundred, read, samples_in
from PIL import Image, ImageDraw
from plan import PEERS, SOURCES, Place, Plan

from sfumato.media.image.sheet import sheet

_SHOWN, _COLUMNS, _SCALE = 64, 8, 2
_TITLE = 16


def last(results: Sequence[Judged], name: str) -> Judged | None:
    """What somebody came to at the end."""
    found = [one for one in results if one.name == name]
    return max(found, key=lambda one: one.mark, default=None)


def best_peer(results: Sequence[Judged]) -> Judged | None:
    """The peer that came nearest to the pictures held out."""
    found = [one for one in (last(results, name) for name in PEERS) if one is not None]
    return min(found, key=lambda one: one.held_out[0], default=None)


def table(source: str, results: Sequence[Judged], judge: Judge) -> Iterator[str]:
    """Everybody at the end."""
    yield f"| {source} | minutes | steps | pictures seen | n | to held-out | to training |"
    yield "|---" * 7 + "|"
    for name in dict.fromkeys(one.name for one in results):
        one = last(results, name)
        if one is None:
            continue
        held_out, training = told(one.held_out), told(one.training)
        cells = f"{one.minutes:.1f} | {one.steps:,} | {one.seen:,} | {one.n} | {held_out}"
        yield f"| {name} | {cells} | {training} |"
    floor = told(hundred(judge.floor()))
    yield f"| held-out to training |  |  |  | {len(judge.held_out)} |  | {floor} |"


def told(found: tuple[float, float, float]) -> str:
    """A distance and its interval."""
    return f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"


def course(results: Sequence[Judged]) -> Iterator[str]:
    """Distances to held-out pictures on the way."""
    marks = sorted({one.mark for one in results})
    yield "| to held-out after minutes | " + " | ".join(f"{mark:g}" for mark in marks) + " |"
    yield "|---" * (len(marks) + 1) + "|"
    for name in dict.fromkeys(one.name for one in results):
        at = {one.mark: one.held_out[0] for one in results if one.name == name}
        cells = (f"{at[mark]:.2f}" if mark in at else "" for mark in marks)
        yield f"| {name} | " + " | ".join(cells) + " |"


def aims(results: Sequence[Judged], minutes: float) -> Iterator[str]:
    """How far the two aims were met."""
    rival = best_peer(results)
    for name in ("ours", "ours-unlabelled"):
        mine = last(results, name)
        if rival is None or mine is None:
            continue
        ratio = mine.held_out[0] / rival.held_out[0]
        yield f"- {name} over {rival.name}, the best peer: {ratio:.2f} (aim: at most 0.5)."
        # A run cools down towards its end, so the one planned to be short is better at that time.
        runs = (name, "ours-fifth") if name == "ours" else (name,)
        reached = [
            one.minutes
            for one in results
            if one.name in runs and one.held_out[0] <= rival.held_out[0]
        ]
        when = f"after {min(reached):.1f} minutes" if reached else "not reached"
        yield f"- {' or '.join(runs)} at that peer's distance: {when} (aim: {minutes / 5:g})."


def write(work: Path, plan: Plan, judges: dict[str, Judge], out: Path) -> str:
    """results.csv and a sheet for each set; returns the tables."""
    out.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    everything: list[dict[str, object]] = []
    for source in SOURCES:
        results = read(work, source)
        if not results or source not in judges:
            continue
        everything += [_flat(source, one) for one in results]
        lines += [*table(source, results, judges[source]), "", *course(results), ""]
        lines += [*aims(results, plan.minutes), ""]
        picture = sheets(work, source, results)
        if picture is not None:
            picture.save(out / f"{source}.png", optimize=True)
    if everything:
        with (out / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(everything[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(everything)
    return "\n".join(lines)


def _flat(source: str, one: Judged) -> dict[str, object]:
    fields: dict[str, object] = {"source": source}
    for key, value in asdict(one).items():
        if isinstance(value, tuple | list):
            names = (key, f"{key}_low", f"{key}_high")
            fields |= {n: f"{v:.4f}" for n, v in zip(names, value, strict=True)}
        else:
            fields[key] = f"{value:.4g}" if isinstance(value, float) else value
    return fields


def sheets(work: Path, source: str, results: Sequence[Judged]) -> Image.Image | None:
    """The first 64 samples of ours and of the best peer, side by side, not chosen."""
    rival = best_peer(results)
    shown = [one for one in (last(results, "ours"), rival) if one is not None]
    pages = []
    for one in shown:
        pictures = samples_in(Place(work, source, one.name).samples(one.mark))[:_SHOWN]
        pages.append((one.name, sheet(pictures, _COLUMNS, _SCALE)))
    if not pages:
        return None
    wide, high = pages[0][1].size
    paper = Image.fromarray(np.full((high + _TITLE, wide * len(pages), 3), 238, np.uint8))
    pen = ImageDraw.Draw(paper)
    for place, (name, page) in enumerate(pages):
        pen.text((place * wide + 4, 2), name, fill=(30, 30, 30))
        paper.paste(page, (place * wide, _TITLE))
    return paper
