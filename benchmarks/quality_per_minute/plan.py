"""What is to be done, where its results are, and which contestants there are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCES = ("openmoji", "mnist5k")
OURS = ("ours", "ours-unlabelled", "ours-fifth")
PEERS = (
    "diffusers",
    "denoising-diffusion-pytorch",
    "diffusers-bf16",
    "denoising-diffusion-pytorch-bf16",
)
NAMES = (*OURS, *PEERS)
_SHARES = (0.2, 0.5, 1.0)
_FIFTH = 0.2
_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """The same for all contestants.

    Attributes:
        minutes: Of training.
        n: Samples at the end.
        few: Samples on the way.
        held_out: Share of the pictures that nobody trains on.
        threads: Of each operation.
    """

    minutes: float
    n: int
    few: int
    held_out: float
    threads: int

    def minutes_of(self, name: str) -> float:
        """How long somebody trains."""
        return self.minutes * (_FIFTH if name == "ours-fifth" else 1.0)

    def marks(self, name: str) -> tuple[float, ...]:
        """Minutes of training after which weights are kept, the end among them."""
        whole = self.minutes_of(name)
        if name == "ours-fifth":
            return (whole,)
        return tuple(round(share * whole, 4) for share in _SHARES)

    def samples_at(self, name: str, mark: float) -> int:
        """How many samples are made of the weights of a mark."""
        return self.n if mark == self.marks(name)[-1] else min(self.few, self.n)


def kept(work: Path, asked: Plan) -> Plan:
    """The plan of a work folder; the first one asked for is written there.

    Raises:
        SystemExit: The folder's plan is another one.
    """
    path = work / _FILE
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(asked)))
    there = Plan(**json.loads(path.read_text()))
    if there != asked:
        raise SystemExit(
            f"{work} was begun with other settings.\n"
            f"  {path}: {there}\n  asked for: {asked}\n"
            "Give the same settings, or another --work."
        )
    return there


@dataclass(frozen=True)
class Place:
    """Where one contestant's results on one set of pictures are.

    Attributes:
        work: The folder of all.
        source: The set.
        name: Whose.
    """

    work: Path
    source: str
    name: str

    @property
    def root(self) -> Path:
        """The contestant's folder."""
        return self.work / self.source / self.name

    @property
    def pictures(self) -> Path:
        """The training pictures as PNG files."""
        return self.work / self.source / "pictures"

    @property
    def trained(self) -> Path:
        """Says that training is over, and what it came to."""
        return self.root / "trained.json"

    def weights(self, mark: float) -> Path:
        """The folder of the weights of a mark."""
        return self.root / f"weights-{mark:g}"

    def samples(self, mark: float) -> Path:
        """The folder of their samples."""
        return self.root / f"samples-{mark:g}"
