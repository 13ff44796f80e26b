"""What training and sampling cost as pictures, batches, texts and data sets grow.

    python benchmarks/scaling [networks data waiting] [--quick] [--threads 2]

`networks`: a step of training and an evaluation of the recipes' networks against the side of the
pictures, the batch and the tokens. `data`: time and memory of a folder of 10 to 1,000,000 small
pictures, from its index to its batches. `waiting`: which share of its time training waits for
batches. Each writes a CSV beside this file as soon as it is done, and prints it. A million files
need a million inodes and 4 GB in the folder for temporary files (TMPDIR) and take ten minutes;
everything is taken away again. `--quick` proves all of it in two minutes, and writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from networks import networks
from tables import Row, markdown, write
from waiting import waiting

from data import data

HERE = Path(__file__).parent
PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "networks": networks,
    "data": data,
    "waiting": waiting,
}


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, no files")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.parts or PARTS:
        rows = PARTS[name](args.quick)
        if not args.quick:
            write(HERE / f"{name}.csv", rows, args.threads)
        print(f"{name}\n\n{markdown(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
