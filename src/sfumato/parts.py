"""All registries, and ``sfumato.register``, which adds a part of your own to the right one.

::

    @sfumato.register
    class Euler(sfumato.sampling.Sampler):
        kind: Literal["euler"] = "euler"
        ...

    run.sample(sampler=Euler())

A registered part can be used wherever the built-in ones can: in settings by its kind, in
``spec.json`` and in the recipe that every sample carries. It stays registered for the life of the
process. Another process that reads such a file has to register the class first, because a file
names a kind and never code.
"""

from __future__ import annotations

from inspect import isclass
from typing import Any, TypeVar

from sfumato.conditioning.encoders import ENCODERS
from sfumato.conditioning.registry import CONDITIONS
from sfumato.engine.optim import OPTIMIZERS
from sfumato.errors import SettingError
from sfumato.guidance.rules import RULES
from sfumato.media.medium import Medium
from sfumato.media.registry import add_medium
from sfumato.nets.specs import BACKBONES, TOKEN_BACKBONES
from sfumato.objective import OBJECTIVES, TOKEN_OBJECTIVES, WEIGHTINGS
from sfumato.process.grids import GRIDS
from sfumato.process.keep import KEEPS
from sfumato.process.prediction import PREDICTIONS
from sfumato.process.schedule import SCHEDULES
from sfumato.process.times import TIMES
from sfumato.registry import Registry
from sfumato.restoration.methods import METHODS
from sfumato.restoration.operators import OPERATORS
from sfumato.sampling import SAMPLERS
from sfumato.sampling.tokens import TOKEN_SAMPLERS

ClassT = TypeVar("ClassT", bound=type[Any])

REGISTRIES: tuple[Registry[Any], ...] = (
    SAMPLERS,
    TOKEN_SAMPLERS,
    GRIDS,
    SCHEDULES,
    PREDICTIONS,
    TIMES,
    OBJECTIVES,
    TOKEN_OBJECTIVES,
    WEIGHTINGS,
    KEEPS,
    RULES,
    BACKBONES,
    TOKEN_BACKBONES,
    OPTIMIZERS,
    OPERATORS,
    METHODS,
    CONDITIONS,
    ENCODERS,
)
"""Every registry of parts; no class belongs to two of them. Media have a list of their own."""


def register(cls: ClassT) -> ClassT:
    """Register a class of your own; use it as a decorator or as a function.

    Args:
        cls: A subclass of the base of a part, such as ``Sampler``, ``TokenSampler``, ``Schedule``,
            ``Objective``, ``Weighting`` or ``BackboneSpec``, with a ``kind`` of its own; or a
            ``Medium`` with a ``name`` of its own, which brings its recipes.

    Returns:
        The class.

    Raises:
        SettingError: It is a subclass of no such base, it is abstract, or its kind is missing or
            the name of another class.
    """
    for registry in REGISTRIES:
        if registry.takes(cls):
            registry.register(cls)
            return cls
    if isclass(cls) and issubclass(cls, Medium):
        add_medium(cls)
        return cls
    bases = ", ".join([*(registry.base.__name__ for registry in REGISTRIES), Medium.__name__])
    name = getattr(cls, "__qualname__", repr(cls))
    raise SettingError(
        f"{name} cannot be registered.", why=f"it is not a subclass of any of {bases}"
    )
