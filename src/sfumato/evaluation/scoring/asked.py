"""What a user may ask of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sfumato.errors import SettingError, suggest
from sfumato.model.model import LAST, require_within

Method = Literal["bound", "ode"]
_MOST = 10_000


@dataclass(frozen=True)
class Asked:
    """How files are scored; None stands for the method's own default.

    Attributes:
        method: ``bound``, the variational bound, or ``ode``, the density along the probability-flow
            ODE, for pictures and sounds alone.
        draws: Independent estimates of each item: by default 8 of the bound, 4 of the ODE.
        seed: Of all noise; every item is given the same.
        label: Class that the model is told; none if None.
        steps: Network evaluations for each estimate: noise levels of the bound (16), or levels of
            the ODE's way (64).
        probes: ODE: random probes of the divergence for each estimate. None takes one, or an
            exact divergence where an item has few numbers.
        held_out: Items held out of the run's data to compare with, at most; 0 for none.
    """

    method: Method = "bound"
    draws: int | None = None
    seed: int = 0
    label: str | None = None
    steps: int | None = None
    probes: int | None = None
    held_out: int = 64

    def checked(self) -> Wanted:
        """With the method's defaults filled in.

        Raises:
            SettingError: A value is out of range, or of the other method.
        """
        if self.method not in get_args(Method):
            raise SettingError(
                f"There is no method '{self.method}'.", hint=suggest(self.method, get_args(Method))
            )
        draws, steps, least = (4, 64, 2) if self.method == "ode" else (8, 16, 1)
        wanted = Wanted(
            draws if self.draws is None else self.draws,
            steps if self.steps is None else self.steps,
        )
        require_within("draws", wanted.draws, 1, _MOST)
        require_within("steps", wanted.steps, least, _MOST)
        require_within("held_out", self.held_out, 0, _MOST)
        require_within("seed", self.seed, 0, LAST)
        if self.probes is not None:
            if self.method != "ode":
                raise SettingError(
                    "--probes is for --method ode.", why="a bound has no divergence to probe"
                )
            require_within("probes", self.probes, 1, _MOST)
        return wanted


@dataclass(frozen=True)
class Wanted:
    """The sizes of an estimate.

    Attributes:
        draws: Independent ones of each item.
        steps: Network evaluations for each.
    """

    draws: int
    steps: int
