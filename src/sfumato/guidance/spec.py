"""A choice of guidance as data, which is stored with every sample."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfumato.errors import SettingError, suggest
from sfumato.guidance.rules import RULES, AnyRule, Line

BY_EARLY: dict[str, Literal["early", "both"]] = {"auto": "early", "auto-label": "both"}
"""The kinds of autoguidance by name."""


class GuidanceSpec(BaseModel):
    """Which two posteriors are combined, how, and at which times; the scale is stored beside it.

    Attributes:
        by: ``label``: towards the conditions, away from their null values, whatever they are;
            the name is from when the label was the only one. ``early``: away from the run's own
            early weights. ``both``: away from the early weights without the conditions.
        rule: How they are combined.
        interval: Least and greatest time, in [0, 1], at which it acts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    by: Literal["label", "early", "both"] = "label"
    rule: AnyRule = Line()
    interval: tuple[float, float] = Field(default=(0.0, 1.0))

    @model_validator(mode="after")
    def _is_interval(self) -> Self:
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise ValueError("the interval is two times in [0, 1], the smaller first")
        return self

    @property
    def needs_early(self) -> bool:
        """Whether it compares with early weights of the run."""
        return self.by != "label"

    @property
    def needs_label(self) -> bool:
        """Whether it has no effect without conditions."""
        return self.by != "early"


BY_LABEL = GuidanceSpec()
"""The default: classifier-free guidance towards the conditions, along a line."""


def guidance_named(name: str | None, interval: tuple[float, float] | None) -> GuidanceSpec:
    """The guidance of a name and an interval of times; None = the default.

    Raises:
        SettingError: There is no such guidance, or the interval is not one of times.
    """
    names = (*RULES, *BY_EARLY)
    if name is not None and name not in names:
        raise SettingError(f"There is no guidance '{name}'.", hint=suggest(name, names))
    low, high = interval or (0.0, 1.0)
    if not 0 <= low <= high <= 1:
        raise SettingError(
            f"interval cannot be {low:g} {high:g}.",
            why="guidance acts between two times from 0 to 1, the lower one first",
            hint="for example: --interval 0.1 0.8",
        )
    if name is None or name in BY_EARLY:
        return GuidanceSpec(by="label" if name is None else BY_EARLY[name], interval=(low, high))
    return GuidanceSpec.model_validate({"rule": {"kind": name}, "interval": (low, high)})
