"""How good samples are after some minutes of training, ours and the peers', from scratch.

    python benchmarks/quality_per_minute all --work DIR [--minutes 10] [-n 2000]
    python benchmarks/quality_per_minute train|sample NAME SOURCE --work DIR
    python benchmarks/quality_per_minute judge|report --work DIR

`all` goes through every stage, each in a process of its own, one after the other. What a stage made
stays in DIR: a benchmark that was stopped goes on where it was, but for a training in hand, which
begins anew. Names and sources: see plan.py; `--names` and `--sources` choose some for `all`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from plan import NAMES, OURS, SOURCES, Place, Plan, kept

_AT_ONCE = 64
_CHUNK = 128
_DEFAULT = [name for name in NAMES if not name.endswith("-bf16")]


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stage", choices=("all", "train", "sample", "judge", "report"))
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("source", nargs="?", choices=SOURCES)
    parser.add_argument("--work", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, each")
    parser.add_argument("-n", type=int, default=2000, help="samples at the end")
    parser.add_argument("--few", type=int, default=256, help="samples on the way")
    parser.add_argument("--held-out", type=float, default=0.1, help="share nobody trains on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=_DEFAULT)
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--out", type=Path, help="of report: for tables and sheets, DIR if absent")
    parser.add_argument("--quick", action="store_true", help="6 seconds of training, 32 samples")
    args = parser.parse_args()
    if args.quick:
        args.minutes, args.n, args.few = 0.1, 32, 8
    if args.stage in ("train", "sample") and args.source is None:
        parser.error(f"{args.stage} wants a NAME and a SOURCE")
    return args


def main() -> None:
    """Carry out a stage."""
    args = _parsed()
    plan = kept(args.work, Plan(args.minutes, args.n, args.few, args.held_out, args.threads))
    torch.set_num_threads(plan.threads)
    if args.stage == "all":
        _all(args)
    elif args.stage == "train":
        _train(Place(args.work, args.source, args.name), plan)
    elif args.stage == "sample":
        _sample(Place(args.work, args.source, args.name), plan)
    else:
        _judge(args, plan)


def _all(args: argparse.Namespace) -> None:
    """Every stage in a process of its own, so that no one inherits another's memory or threads."""
    for source in args.sources:
        for name in args.names:
            for stage in ("train", "sample"):
                _run(args, stage, name, source)
    _run(args, "report")


def _run(args: argparse.Namespace, *stage: str) -> None:
    plan = ["--minutes", args.minutes, "-n", args.n, "--few", args.few]
    plan += ["--held-out", args.held_out, "--threads", args.threads, "--work", args.work]
    plan += ["--out", args.out] if args.out else []
    start = time.monotonic()
    subprocess.run(
        [sys.executable, str(Path(__file__).parent), *stage, *map(str, plan)], check=True
    )
    print(f"{' '.join(stage)}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _train(place: Place, plan: Plan) -> None:
    if place.trained.exists():
        return
    if place.root.exists():
        shutil.rmtree(place.root)
    place.root.mkdir(parents=True)
    if place.name in OURS:
        from ours import trained

        found = trained(place, plan)
    else:
        from peers import trained as trained_peer

        found = trained_peer(place, plan, _prepared(place, plan))
    place.trained.write_text(json.dumps(found, indent=1))


def _prepared(place: Place, plan: Plan) -> int:
    """The pictures as files for peers; returns their channels."""
    from ours import recipe_of
    from peer_training.pictures import data_of, exported

    data = data_of(place.source, recipe_of(place.source, place.name, plan))
    exported(data, place.pictures)
    return data.medium.shape[0]


def _sample(place: Place, plan: Plan) -> None:
    for facts in json.loads(place.trained.read_text()):
        mark = facts["mark"]
        folder = place.samples(mark)
        folder.mkdir(exist_ok=True)
        wanted = range(0, plan.samples_at(place.name, mark), _CHUNK)
        missing = [low for low in wanted if not (folder / f"{low:06d}.npy").exists()]
        if not missing:
            continue
        if place.name in OURS:
            from ours import drawing

            draw = drawing(place, mark, _AT_ONCE)
        else:
            from peers import drawing as drawing_of_peer

            draw = drawing_of_peer(place, mark, _prepared(place, plan), _AT_ONCE)
        for low in missing:
            count = min(_CHUNK, plan.samples_at(place.name, mark) - low)
            draft = folder / "draft"
            with draft.open("wb") as file:
                np.save(file, draw(low, count))
            draft.replace(folder / f"{low:06d}.npy")


def _judge(args: argparse.Namespace, plan: Plan) -> None:
    from judge import Judge, judged
    from ours import recipe_of
    from peer_training.machine import described
    from peer_training.pictures import data_of
    from report import write

    judges = {}
    for source in args.sources:
        if (args.work / source).exists():
            data = data_of(source, recipe_of(source, "ours", plan))
            judges[source] = Judge(data, args.work / source / "real", plan.n)
            judged(args.work, source, plan, judges[source])
    if args.stage == "report":
        print(described(plan.threads) + "\n")
        print(write(args.work, plan, judges, args.out or args.work))


if __name__ == "__main__":
    main()
