"""Compiling a module: its repeated blocks if it has any, else all of it.

Equal blocks share their compiled code, so only the first of them is compiled: half a minute for a
transformer of any depth, instead of minutes for the whole network. Compiled code is cached on the
disk, and the next run with the same shapes starts within seconds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from typing import Literal, TypeVar

import torch
from torch import nn

from sfumato.engine.machine import cpp_compiler
from sfumato.engine.precision import Decision
from sfumato.errors import SettingError

Switch = Literal["auto", "on", "off"]
ModuleT = TypeVar("ModuleT", bound=nn.Module)

# Minutes of a run from which on compiling pays off; measured, see docs/performance.md. On a CPU
# repeated blocks are compiled in half a minute and then train 1.2 to 1.8 times as fast; a whole
# U-Net takes two minutes to become a tenth faster. On a GPU blocks take ten seconds and a whole
# U-Net a minute, and both train at least twice as fast.
_REPAID = {
    ("cpu", "repeated blocks"): 5.0,
    ("cpu", "a whole network"): 45.0,
    ("cuda", "repeated blocks"): 1.0,
    ("cuda", "a whole network"): 4.0,
}
_SHAPES = 256
"""Largest number of compiled shapes in a process; torch's own limit is eight."""
_BRIEF = 160
_REPEATED = 3
"""Least number of equal blocks that are compiled separately."""


def repaid_minutes(device: torch.device, repeated: bool) -> float:
    """Length of a run, in minutes, from which on compiling pays off; infinite if unknown."""
    return _REPAID.get((device.type, _kind(repeated)), math.inf)


def choose_compile(
    switch: Switch, device: torch.device, minutes: float | None, repeated: bool
) -> Decision:
    """Decide whether to compile.

    Args:
        switch: The setting ``engine.compile``.
        device: Where the module runs.
        minutes: Expected length of the run, if known.
        repeated: Whether the module has equal blocks.

    Raises:
        SettingError: ``switch`` is on, and compiling cannot work on this machine.
    """
    if switch == "off":
        return Decision("off", "as set")
    what, least = _kind(repeated), repaid_minutes(device, repeated)
    if switch == "auto" and (minutes is None or minutes < least):
        return Decision("off", f"compiling {what} pays off in runs of at least {least:.0f} minutes")
    missing = _missing(device) or trial(device)
    if missing and switch == "on":
        raise SettingError(
            "compile = on cannot work on this machine.",
            why=missing,
            hint="Install what is missing, or set compile = off.",
        )
    if missing:
        return Decision("off", missing)
    if switch == "on":
        return Decision("on", "as set")
    return Decision("on", f"the run is long enough for compiling {what} to pay off")


def compiled_parts(module: nn.Module) -> list[nn.Module]:
    """The members of all lists of at least three equal modules; without them the module itself.

    Modules are equal if they have the same class, and parameters of the same names and shapes.
    """
    lists = (part for part in module.modules() if isinstance(part, nn.ModuleList))
    repeated = [list(blocks) for blocks in lists if _alike(blocks)]
    return [block for blocks in repeated for block in blocks] or [module]


def is_repeated(module: nn.Module) -> bool:
    """Whether a module has equal blocks."""
    return compiled_parts(module) != [module]


def compile_parts(module: nn.Module, dynamic: bool | None = None) -> None:
    """Compile the parts of a module when they are first called; the module stays the same object.

    Args:
        module: The module.
        dynamic: False compiles every shape separately, so that results do not depend on earlier
            shapes; None lets torch decide.
    """
    from torch._dynamo import config  # Takes a second, and most runs do not need it.

    # Beyond the limit torch falls back to uncompiled code, which has other last bits.
    config.recompile_limit = max(_SHAPES, config.recompile_limit)
    for part in compiled_parts(module):
        part.compile(dynamic=dynamic)


def as_written(module: nn.Module) -> None:
    """Undo :func:`compile_parts`."""
    for part in compiled_parts(module):
        part._compiled_call_impl = None


def twin(module: ModuleT) -> ModuleT:
    """A copy that shares the weights, so that one can be compiled and the other not."""
    weights = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(weight): weight for weight in weights})


def eager() -> AbstractContextManager[object]:
    """A context in which compiled parts run uncompiled."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


@cache
def trial(device: torch.device) -> str:
    """Compile one line; returns the error of this machine's compiler, or an empty string.

    An installed compiler can still fail, mostly because Python's headers are missing. The first
    call on a machine takes some seconds.
    """

    def line(x: torch.Tensor) -> torch.Tensor:
        return x.sin() + 1

    try:
        torch.compile(line)(torch.ones(64, device=device))
    except Exception as error:  # A tool chain can raise anything.
        return f"a trial failed: {brief(error)}"
    return ""


def brief(error: Exception) -> str:
    """The beginning of a compiler's error message, which can be very long."""
    return " ".join(str(error).split())[:_BRIEF] or type(error).__name__


def _kind(repeated: bool) -> str:
    return "repeated blocks" if repeated else "a whole network"


def _missing(device: torch.device) -> str:
    if device.type == "cpu":
        return "" if cpp_compiler() else "there is no C++ compiler"
    return "" if find_spec("triton") else "the package triton is not installed"


def _alike(blocks: Iterable[nn.Module]) -> bool:
    described = [
        (type(block), [(name, weight.shape) for name, weight in block.named_parameters()])
        for block in blocks
    ]
    return len(described) >= _REPEATED and all(one == described[0] for one in described)
