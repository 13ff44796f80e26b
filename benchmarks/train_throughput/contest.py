"""Who trains what: contests of contestants that take turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "bf16"]
OURS, BARE, DIFFUSERS, LUCIDRAINS, PEAK = (
    "sfumato", "bare torch", "diffusers example", "denoising-diffusion-pytorch", "matrix product"
)  # fmt: skip


@dataclass(frozen=True)
class Contestant:
    """One way to train one network, in a process of its own.

    Attributes:
        contest: In which it takes part.
        who: Whose loop.
        network: What it trains.
        precision: Of the products; only ours can choose it by itself.
        compiled: Whether the network is compiled.
    """

    contest: str
    who: str
    network: str
    precision: Precision
    compiled: bool = False

    @property
    def key(self) -> str:
        """Its name."""
        parts = self.contest, self.who, self.network, self.precision
        return "/".join((*parts, "compiled") if self.compiled else parts)


def contestants() -> list[Contestant]:
    """All of them, by contests."""
    return [*_same("unet"), *_same("dit"), *_own_blocks(), *_default()]


def _ours(contest: str, network: str) -> list[Contestant]:
    return [
        Contestant(contest, OURS, network, precision, compiled)
        for compiled in (False, True)
        for precision in ("auto", "fp32")
    ]


def _both(contest: str, who: str, network: str) -> list[Contestant]:
    return [Contestant(contest, who, network, precision) for precision in ("fp32", "bf16")]


def _same(network: str) -> list[Contestant]:
    """One network of diffusers in everybody's loop."""
    return [
        *_ours(network, network),
        *_both(network, BARE, network),
        Contestant(network, BARE, network, "bf16", compiled=True),
        *_both(network, DIFFUSERS, network),
        *_both(network, LUCIDRAINS, network),
    ]


def _own_blocks() -> list[Contestant]:
    """Each with the network it would give a user, at about equal numbers of weights."""
    ours = [
        Contestant("own-blocks", OURS, network, "auto", compiled)
        for network in ("own-unet", "own-transformer")
        for compiled in (False, True)
    ]
    return [
        *ours,
        *_both("own-blocks", DIFFUSERS, "unet"),
        *_both("own-blocks", LUCIDRAINS, "its-own-unet"),
    ]


def _default() -> list[Contestant]:
    """How near to the machine's limit the transformer of a recipe of ours comes."""
    return [
        Contestant("default", OURS, "image-transformer", "auto"),
        Contestant("default", OURS, "image-transformer", "auto", compiled=True),
        Contestant("default", PEAK, "2048 x 2048", "bf16"),
    ]


def find(key: str) -> Contestant:
    """The contestant of that name."""
    return next(one for one in contestants() if one.key == key)
