"""How often a picture of a run on the synthetic shapes has what its prompt names.

::

    python benchmarks/words/shapes.py shapes
    sfumato train shapes --recipe image-words --name shapes --minutes 10
    python benchmarks/words/agreement.py shapes shapes -n 400

The prompts are captions of training pictures, and of pictures whose combination of shape, colour,
size and place never occurs in training. ``shapes.judge`` reads each picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from shapes import Combination, agreement

import sfumato
from sfumato.metrics.interval import share_interval


def rows_of(folder: Path, split: str, count: int) -> list[dict[str, Any]]:
    """Evenly spaced pictures of a part of the data."""
    lines = (folder / "metadata.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == split]
    return [rows[place * len(rows) // count] for place in range(count)]


def combination(row: dict[str, Any]) -> Combination:
    """What a picture shows."""
    return Combination(*(row[name] for name in Combination._fields))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", type=int, default=400)
    parser.add_argument("--scale", type=float, default=None)
    options = parser.parse_args()
    run = sfumato.open(options.run)
    print("| prompts | " + " | ".join(Combination._fields) + " | all (95 %) |")
    print("|---" * (len(Combination._fields) + 2) + "|")
    for split, title in (("train", "combinations seen in training"), ("test", "held out")):
        rows = rows_of(options.folder, split, options.n)
        prompts = [row["text"][place % len(row["text"])] for place, row in enumerate(rows)]
        made = run.sample(options.n, prompts=prompts, scale=options.scale)
        pictures = [np.asarray(picture) for picture in made]
        shares = agreement(pictures, [combination(row) for row in rows])
        cells = [f"{shares[name]:.1%}" for name in Combination._fields]
        value, low, high = share_interval(round(shares["all"] * options.n), options.n)
        print(f"| {title} | {' | '.join(cells)} | {value:.1%} ({low:.1%} to {high:.1%}) |")


if __name__ == "__main__":
    main()
