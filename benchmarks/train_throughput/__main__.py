"""How fast the engine trains beside the peers' loops: samples a second, in turns.

    python benchmarks/train_throughput [unet dit own-blocks default] [--quick]

Every contestant is a process of its own, as levers such as the allocator's settings belong to a
process. One trains while all others wait for their turn. After each contest its rows replace the
old ones in results.csv beside this file: after a run that was stopped, name the contests that are
left. A contestant that fails, as when its library is not installed, is left out with a line that
says so. Prints the tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from contest import contestants
from peer_training.machine import described
from peer_training.pictures import data_of, exported
from report import TABLE, Row, keep, read, tables
from rounds import Entry, Terms, held

from sfumato.model.options import TrainOptions
from sfumato.storage import default_cache
from sfumato.training.train import planned_for

_QUICK = ("unet", "dit")


def main() -> None:
    """Hold the contests asked for."""
    named = list(dict.fromkeys(one.contest for one in contestants()))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contests", nargs="*", metavar="|".join(named))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a turn, at least")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--eager", action="store_true", help="leave out what is compiled")
    parser.add_argument(
        "--quick", action="store_true", help="proves it: two contests, batch 16, one short round"
    )
    parser.add_argument("--table", type=Path, help="where rows are kept, results.csv by default")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds, args.batch, args.eager = 1, 0.1, 16, True
    table = args.table or (_scratch() if args.quick else TABLE)
    data = data_of("openmoji", planned_for("openmoji", TrainOptions(recipe="image", steps=1)))
    folder = exported(data, default_cache() / "bench" / "train-throughput")
    terms = Terms(folder, args.batch, args.threads, args.rounds, args.seconds)
    for contest in args.contests or (_QUICK if args.quick else named):
        these = [
            one
            for one in contestants()
            if one.contest == contest and not (args.eager and one.compiled)
        ]
        keep(map(_row, held(these, terms)), table)
    print(described(args.threads) + "\n")
    print("\n".join(tables(read(table))))


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="throughput-")) / "results.csv"


def _row(of: Entry) -> Row:
    one = of.one
    return Row(
        one.contest,
        one.who,
        one.network,
        one.precision,
        one.compiled,
        of.parameters,
        of.flops / 1e9,
        round(of.megabytes),
        tuple(of.rates),
    )


if __name__ == "__main__":
    main()
