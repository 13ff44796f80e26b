"""What a validation error says to a user, in the words of settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sfumato.errors import SettingError, suggest

_SHOWN = 80
_REASONS: Mapping[str, str] = {
    "int_parsing": "it should be a whole number",
    "int_parsing_size": "the number is too large",
    "int_type": "it should be a whole number",
    "int_from_float": "it should be a whole number",
    "float_parsing": "it should be a number",
    "float_type": "it should be a number",
    "bool_parsing": "it should be true or false",
    "bool_type": "it should be true or false",
    "string_type": "it should be a word",
    "tuple_type": 'it should be a list such as [1, 2], or ["a", "b"]',
    "model_type": "it has parts; set one of them, as in part.name=value",
    "model_attributes_type": "it has parts; set one of them, as in part.name=value",
    "finite_number": "it should be a finite number",
}


def setting_error(error: ValidationError, tree: Mapping[str, Any]) -> SettingError:
    """The first problem of a validation, as an error that names the setting.

    Args:
        error: What pydantic found.
        tree: The plain data that was validated.
    """
    problem = error.errors()[0]
    place, value, parent = _followed(tree, problem["loc"])
    path = ".".join(place)
    if problem["type"] == "extra_forbidden":
        known = [key for key in parent if key != place[-1]]
        return SettingError(f"There is no setting '{path}'.", hint=suggest(place[-1], known))
    if problem["type"] == "missing":
        lacking = ".".join([*place, str(problem["loc"][-1])])
        return SettingError(
            f"The setting '{lacking}' is missing.", hint=f"add --set {lacking}=VALUE"
        )
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _no_such_kind(path, value, problem)
    if not path:
        return SettingError("These settings do not go together.", why=reason(problem))
    return SettingError(f"The setting '{path}' cannot be {shown(value)}.", why=reason(problem))


def reason(problem: ErrorDetails) -> str:
    """Why a value does not fit, as the rest of a sentence."""
    text = _REASONS.get(problem["type"], problem["msg"])
    text = text.removeprefix("Value error, ").replace("Input should", "it should", 1)
    return text[:1].lower() + text[1:]


def shown(value: object) -> str:
    """A value as JSON, cut to a length that fits a line."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _no_such_kind(path: str, value: object, problem: ErrorDetails) -> SettingError:
    kind = value.get("kind") if isinstance(value, dict) else value
    known = problem.get("ctx", {}).get("expected_tags", "")
    names = [name.strip(" '") for name in known.split(",")] if known else []
    return SettingError(
        f"The setting '{path}.kind' cannot be {shown(kind)}.",
        hint=suggest(str(kind), names) if names else f"choose one: --set {path}.kind=NAME",
    )


def _followed(
    tree: Mapping[str, Any], loc: tuple[int | str, ...]
) -> tuple[list[str], Any, Mapping[str, Any]]:
    """Follow a place that pydantic names into plain data.

    Pydantic also names the branch of a union that it took, which the user never wrote and the data
    does not hold; such parts are passed over.

    Returns:
        The parts that exist, the value there, and the mapping around it.
    """
    place: list[str] = []
    node: Any = tree
    parent: Mapping[str, Any] = tree
    for part in loc:
        if isinstance(node, dict) and part in node:
            parent, node = node, node[str(part)]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        else:
            continue
        place.append(str(part))
    return place, node, parent
