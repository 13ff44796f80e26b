"""What an edit costs beside plain sampling, with the same run and the same number of evaluations.

    sfumato train mnist5k --minutes 12 --name digits
    python benchmarks/edit_speed.py digits

Plain sampling, the quick method and the default method are timed one after the other, in rounds,
by processor time, and the least of each is taken. The file is a sample of the run itself: a box of
half its sides is made anew, or it is made four times larger from the means of 4 x 4 pixels. Prints
a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import sfumato
from sfumato.model.options import EditOptions, SampleOptions
from sfumato.model.provenance import Made, Request

STEPS = 50


def seconds(work: Callable[[], object]) -> float:
    """Processor time of some work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def files_of(run: sfumato.Run, folder: Path) -> dict[str, tuple[Path, dict[str, object]]]:
    """A file and the options of each edit, by its name."""
    (pixels,) = run.sample(1, steps=STEPS)
    image = Image.fromarray(pixels.squeeze())
    width, height = image.size
    image.save(folder / "whole.png")
    image.resize((width // 4, height // 4), Image.Resampling.BOX).save(folder / "small.png")
    box = f"{width // 4},{height // 4},{width // 2},{height // 2}"
    return {
        "box": (folder / "whole.png", {"box": box}),
        "super-resolve 4": (folder / "small.png", {"super_resolve": 4}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, nargs="+", default=[16, 64])
    chosen = parser.parse_args()

    run = sfumato.open(chosen.run)
    model = run.model
    print("| edit | samples | plain, s a sample | quick | default, 4 particles |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, options) in files_of(run, Path(folder)).items():
            for n in chosen.samples:
                quick = EditOptions(n, batch=n, method="quick", steps=STEPS, **options)
                default = EditOptions(4, steps=STEPS, **options)
                plain = SampleOptions(n, batch=n, steps=STEPS, scale=1.0, sampler="ancestral")
                requests = [
                    (model.request(plain), n),
                    (model.edit_request(path, quick), n),
                    (model.edit_request(path, default), 4),
                ]
                print(row(name, n, times(model.sample, requests, chosen.rounds)), flush=True)


def times(
    sample: Callable[[Request], object], requests: list[tuple[Request, int]], rounds: int
) -> list[float]:
    """The least processor time of a sample of each request."""
    found = np.full((rounds, len(requests)), np.inf)
    for number in range(rounds):
        for place, (request, count) in enumerate(requests):
            used = seconds(lambda request=request: drained(sample(request)))
            found[number, place] = used / count
    return found.min(0).tolist()


def drained(events: object) -> int:
    """Run a request to its end; returns the number of its samples."""
    return sum(len(event.indices) for event in events if isinstance(event, Made))  # type: ignore[attr-defined]


def row(name: str, n: int, used: list[float]) -> str:
    """A row of the table: seconds, and ratios to plain sampling."""
    plain, *others = used
    ratios = " | ".join(f"{each:.3f} ({each / plain:.2f} x)" for each in others)
    return f"| {name} | {n} | {plain:.3f} | {ratios} |"


if __name__ == "__main__":
    main()
