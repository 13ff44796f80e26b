"""What the options of all verbs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

from sfumato.model.keywords import convert_fields

LARGEST = 2**63 - 1
"""The largest seed and the largest index of a sample."""

_TRUTH = {True: "true", False: "false"}
"""Labels that are truth values, as they are read from metadata."""

Settings = Mapping[str, object] | Iterable[str]
"""Settings of a recipe: a mapping from paths to values, or strings ``path.to.setting=value``."""


@runtime_checkable
class Part(Protocol):
    """A configured object, such as a sampler, in place of a registered name."""

    @property
    def kind(self) -> str:
        """The name of its class."""


@dataclass(frozen=True)
class Options:
    """Base of the options of all verbs.

    Raises:
        SettingError: A value is of another type than its option, see ``model.keywords.converted``.
    """

    def __post_init__(self) -> None:
        label = getattr(self, "label", None)
        # NumPy's truth values are no bool.
        if label is not None and type(label).__name__ in ("bool", "bool_"):
            object.__setattr__(self, "label", _TRUTH[bool(label)])
        convert_fields(self)

    verb: ClassVar[str]
    """Name of the verb, under which a medium lists its own options."""

    def given(self, *names: str) -> dict[str, Any]:
        """The options that are not None, among the named ones or among all."""
        chosen = names or tuple(field.name for field in fields(self))
        values = {name: getattr(self, name) for name in chosen}
        return {name: value for name, value in values.items() if value is not None}
