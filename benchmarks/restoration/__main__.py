"""Samplers of posteriors, ours and the peers', against the exact posterior.

    python benchmarks/restoration [--quick] [--held-out SEED] [--only NAME...] [--problems NAME...]

Every contestant asks the same exact denoiser, which counts. Rows replace the old ones in
results.csv (held-out.csv where a seed is given), and the tables of README.md beside this file and
docs/pictures/restoration.svg are made again; under 15 minutes on two cores. The peers take part as
far as they are installed: see the README.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from jobs import Job, run
from problems import problems
from report import table, write
from rows import merged, read
from tables import write as write_table

HERE = Path(__file__).parent
DEVELOPMENT = 1


def main() -> None:
    """Hold the contest and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="prove it in a minute; writes nothing")
    parser.add_argument("--held-out", type=int, metavar="SEED", help="other problems, from 2 up")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="of contestants")
    parser.add_argument("--problems", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--observations", type=int, default=2)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, help="a CSV for the rows instead of the committed ones")
    args = parser.parse_args()
    seed = args.held_out or DEVELOPMENT
    for library in ("azula", "deepinv"):
        if importlib.util.find_spec(library) is None:
            print(f"{library} is not installed and takes no part", file=sys.stderr)
    names = [problem.name for problem in problems(seed, args.quick)]
    chosen = [
        number
        for number, name in enumerate(names)
        if not args.problems or any(part in name for part in args.problems)
    ]
    observations, count = (1, 64) if args.quick else (args.observations, args.samples)
    jobs = [
        Job(seed, number, observation, count, args.quick, tuple(args.only))
        for observation in range(observations)
        for number in chosen
    ]
    path = args.out or HERE / ("results.csv" if seed == DEVELOPMENT else "held-out.csv")
    before = [] if args.quick or not path.exists() else read(path)
    for rows in run(jobs, args.workers):
        found = merged(before, rows, names)
        if not args.quick:
            write_table(path, [row.rounded() for row in found], threads=1)
    print(table(found))
    if not args.quick and args.out is None:
        write(HERE)


if __name__ == "__main__":
    main()
