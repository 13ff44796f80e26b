"""How long it takes until something happens: imports, help, the first step, the first sample.

    python benchmarks/startup.py [--rounds 5] [--quick]

Every figure is the median of whole processes, in turns, beside the libraries that users would take
instead where these are installed. The first step and sample are of `mnist5k`, whose cache is there
(it is made on the first round, which is not counted). Prints a table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_SFUMATO = str(Path(sys.executable).with_name("sfumato"))
_TRAIN = """
import time
from pathlib import Path
from sfumato.engine.events import Progress
from sfumato.run.training import planned_for, train
plan = planned_for("mnist5k", steps=1000, changes=["engine.progress_seconds=0"])
for event in train("mnist5k", plan, "run", Path({root!r})):
    if isinstance(event, Progress):
        break
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round")
    args = parser.parse_args()
    rounds = 1 if args.quick else args.rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run = _small_run(root)
        works = _imports() | _commands(root, run)
        times: dict[str, list[float]] = {name: [] for name in works}
        for number in range(rounds + 1):
            for name, work in works.items():
                began = time.perf_counter()
                work()
                if number:
                    times[name].append(time.perf_counter() - began)
    print("| what | seconds |\n|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.2f} |")


def _imports() -> dict[str, Callable[[], None]]:
    wanted = {
        "python, nothing else": "pass",
        "`import torch`": "import torch",
        "`import sfumato`": "import sfumato",
        "`from sfumato import train`": "from sfumato import train",
        "`from diffusers import UNet2DModel, DDPMPipeline`": (
            "from diffusers import UNet2DModel, DDPMPipeline"
        ),
        "`from denoising_diffusion_pytorch import Trainer`": (
            "from denoising_diffusion_pytorch import Trainer"
        ),
        "`import k_diffusion`": "import k_diffusion",
        "`import azula`": "import azula",
    }
    return {
        name: (lambda code=code: _python(code)) for name, code in wanted.items() if _works(code)
    }


def _commands(root: Path, run: Path) -> dict[str, Callable[[], None]]:
    def first_step() -> None:
        shutil.rmtree(root / "run", ignore_errors=True)
        _python(_TRAIN.format(root=str(root)))

    def first_sample() -> None:
        shutil.rmtree(root / "out", ignore_errors=True)
        asked = ["sample", str(run), "-n", "1", "--steps", "20", "--out", str(root / "out")]
        _run([_SFUMATO, *asked])

    return {
        "`sfumato --help`": lambda: _run([_SFUMATO, "--help"]),
        "`sfumato train mnist5k`, to the end of the first step": first_step,
        "`sfumato sample -n 1 --steps 20`, to the end": first_sample,
    }


def _small_run(root: Path) -> Path:
    code = _TRAIN.replace("steps=1000", "steps=2").replace("        break\n", "        pass\n")
    _python(code.format(root=str(root)))
    return (root / "run").rename(root / "small")


def _works(code: str) -> bool:
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def _python(code: str) -> None:
    _run([sys.executable, "-c", code])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "TERM": "dumb"})


if __name__ == "__main__":
    main()
