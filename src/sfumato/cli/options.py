"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", help="Print JSON for a program to read.")]
RunName = Annotated[str, Parameter(help="Name of a run under runs/, or its path.")]
Settings = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        help="Change one setting, e.g. engine.batch=32; can be repeated.",
    ),
]
Snapshot = Annotated[str, Parameter(help="Which weights: latest, or best by what was held out.")]
