"""How long it takes until something happens: imports, help, the first step, the first sample.

    python benchmarks/startup.py [--rounds 5] [--quick] [--only PART]

Every figure is the median of whole processes, which take turns, beside the libraries that users
would take instead where these are installed; processor seconds are beside the clock's, as they
hardly change when other programs run. Python may keep its compiled files, as it does for users; the
first round, which writes them, is not counted. Steps and samples are of `mnist5k`, fetched
beforehand: cached means that its pictures were decoded by an earlier run. The first steps of the
peers' networks are on noise, with no data to read. Writes startup.csv beside this file and prints
it. Five minutes; a first run fetches 2 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tables import markdown, write

from sfumato.catalogue import fetch

TABLE = Path(__file__).with_suffix(".csv")
_SET = "mnist5k"
# Ended at once: what follows the first step is no part of it.
_TRAIN = """
import os, sys
from pathlib import Path
from sfumato.engine.events import Progress
from sfumato.model.options import TrainOptions
from sfumato.training.train import planned_for, train
plan = planned_for({set!r}, TrainOptions(steps={steps}, settings=["engine.progress_seconds=0"]))
for event in train({set!r}, plan, "run", Path({root!r})):
    if isinstance(event, Progress) and plan.budget.steps > 2:
        os._exit(0)
"""
_SAMPLE = """
import os
from pathlib import Path
from sfumato.model.options import SampleOptions
from sfumato.verbs.sample import Written, sample_files
options = SampleOptions(1, steps={steps})
for event in sample_files({run!r}, options, out=Path({out!r})):
    if isinstance(event, Written):
        os._exit(0)
"""
_DIFFUSERS_STEP = """
import os
import torch
from diffusers import DDPMScheduler, UNet2DModel
network = UNet2DModel(
    sample_size=32, in_channels=1, out_channels=1, block_out_channels=(32, 48, 96, 192),
    norm_num_groups=16, layers_per_block=1,
    down_block_types=("DownBlock2D",) * 3 + ("AttnDownBlock2D",),
    up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * 3,
)
process = DDPMScheduler()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
x0, noise, t = torch.randn(64, 1, 32, 32), torch.randn(64, 1, 32, 32), torch.randint(1000, (64,))
loss = torch.nn.functional.mse_loss(network(process.add_noise(x0, noise, t), t).sample, noise)
loss.backward()
optimizer.step()
os._exit(0)
"""
_LUCIDRAINS_STEP = """
import os
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
network = GaussianDiffusion(Unet(dim=32, dim_mults=(1, 2, 4), channels=1), image_size=32)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
network(torch.rand(64, 1, 32, 32)).backward()
optimizer.step()
os._exit(0)
"""


@dataclass
class Work:
    """Something to wait for.

    Attributes:
        what: In words.
        code: Python that does it in a process of its own.
        before: Called before each process, and not timed.
        seconds, processor: By the clock and by the processor, of every round.
    """

    what: str
    code: str
    before: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, to no file")
    parser.add_argument("--only", default="", help="what has this in its description")
    args = parser.parse_args()
    fetch(_SET)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        works = [work for work in bench.works() if args.only in work.what and bench.does(work)]
        for _ in range(1 if args.quick else args.rounds):
            for work in works:
                bench.time(work)
    rows = [
        {
            "what": work.what,
            "seconds": f"{statistics.median(work.seconds):.2f}",
            "processor seconds": f"{statistics.median(work.processor):.2f}",
            "rounds": len(work.seconds),
        }
        for work in works
    ]
    if not args.quick:
        write(TABLE, rows, threads=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    print(markdown(rows))


class Bench:
    """Processes in a folder of their own, with a cache of their own.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cache = root / "cache"
        self._cache.mkdir()
        # Fetched, as a user who comes again has it; nothing of it is decoded yet.
        (self._cache / "datasets").symlink_to(fetch(_SET).path.parent)
        self._environment = {
            **os.environ,
            "SFUMATO_CACHE": str(self._cache),
            "PYTHONPYCACHEPREFIX": str(root / "compiled"),
        }
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def works(self) -> list[Work]:
        """All there is to wait for, in the order of the table."""
        train = _TRAIN.format(set=_SET, steps=1000, root=str(self._root))
        help_code = "from sfumato.cli import main; main(['--help'])"
        imports = [
            "torch",
            "sfumato",
            "sfumato.training.train",
            "diffusers",
            "accelerate",
            "denoising_diffusion_pytorch",
            "k_diffusion",
            "azula",
        ]
        return [
            Work("python, nothing else", "pass"),
            *(Work(f"import {name}", f"import {name}") for name in imports),
            Work("from sfumato import train", "from sfumato import train"),
            Work(
                "from diffusers import UNet2DModel, DDPMScheduler",
                "from diffusers import UNet2DModel, DDPMScheduler",
            ),
            Work("sfumato --help", help_code),
            Work("first step, cached", train, self._without_run),
            Work("first step, not cached", train, self._without_arrays),
            Work("first step of diffusers on noise", _DIFFUSERS_STEP),
            Work("first step of denoising-diffusion-pytorch on noise", _LUCIDRAINS_STEP),
            Work("first sample, 20 evaluations", self._sample(20), self._without_samples),
            Work("first sample, as the recipe has it", self._sample(None), self._without_samples),
        ]

    def does(self, work: Work) -> bool:
        """Do it once, which leaves compiled files behind; whether all it needs is installed."""
        work.before()
        done = self._python(work.code)
        missing = b"ModuleNotFoundError" in done.stderr
        if done.returncode and not missing:
            raise RuntimeError(f"{work.what}: {done.stderr.decode()}")
        return not missing

    def time(self, work: Work) -> None:
        """Do it, and note how long it took."""
        work.before()
        before, began = _processor_seconds(), time.perf_counter()
        self._python(work.code).check_returncode()
        work.seconds.append(time.perf_counter() - began)
        work.processor.append(_processor_seconds() - before)

    def _python(self, code: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, env=self._environment)

    def _sample(self, steps: int | None) -> str:
        run, out = self._root / "small", self._root / "out"
        return _SAMPLE.format(run=str(run), out=str(out), steps=steps)

    def _without_run(self) -> None:
        shutil.rmtree(self._root / "run", ignore_errors=True)

    def _without_arrays(self) -> None:
        self._without_run()
        shutil.rmtree(self._cache / "arrays", ignore_errors=True)

    def _without_samples(self) -> None:
        shutil.rmtree(self._root / "out", ignore_errors=True)
        if not (self._root / "small").exists():
            self._without_run()
            code = _TRAIN.format(set=_SET, steps=2, root=str(self._root))
            self._python(code).check_returncode()
            (self._root / "run").rename(self._root / "small")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
