"""Changing single settings of a recipe by name: ``--settings engine.optimizer.lr=1e-4``.

Errors name the setting and the reason in plain words, not in those of pydantic.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sfumato.errors import SettingError, suggest
from sfumato.recipes.recipe import RecipeBase

Tree = dict[str, Any]
RecipeT = TypeVar("RecipeT", bound=RecipeBase)
_SHOWN = 80
_BY_NAME = frozenset({"conditions"})
"""Settings whose parts have names that the user chooses."""
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


def override(recipe: RecipeT, changes: Iterable[str]) -> RecipeT:
    """A recipe with some settings replaced.

    Args:
        recipe: The recipe to start from; it is not changed.
        changes: Each ``path.to.setting=value``. A value is read as JSON where it is JSON, and as a
            plain string otherwise. Changing a ``kind`` resets that part to the defaults of the
            new kind, whatever the order of the changes. The earlier name of a renamed
            setting is accepted, see ``RecipeBase.renamed``.

    Raises:
        SettingError: A setting is unknown, or a value does not fit it.
    """
    tree = recipe.model_dump(mode="json")
    pairs = [_parsed(change, recipe.renamed) for change in changes]
    # Kinds first, outer before inner: other settings of the same part belong to the new kind.
    kinds = sorted((pair for pair in pairs if _is_kind(pair[0])), key=lambda pair: len(pair[0]))
    for path, value in kinds:
        _place(tree, path, value)
    tree = _with_defaults(tree, type(recipe)) if kinds else tree
    for path, value in pairs:
        if not _is_kind(path):
            _place(tree, path, value)
    return validate(tree, type(recipe))


def validate(tree: Tree, kind: type[RecipeT]) -> RecipeT:
    """A recipe of a kind from plain data.

    Raises:
        SettingError: Naming the first setting that is unknown or has a bad value.
    """
    try:
        recipe = kind.model_validate(tree)
    except ValidationError as error:
        raise _setting_error(error, tree) from error
    # JSON has no infinity and no NaN, and a spec is JSON.
    for path, value in _leaves(recipe.model_dump(mode="json")):
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            raise SettingError(
                f"The setting '{path}' cannot be {_shown(value)}.", why="it should be finite"
            )
    return recipe


def _parsed(change: str, renamed: Mapping[str, str]) -> tuple[tuple[str, ...], object]:
    path, equals, text = change.partition("=")
    if not equals or not path.strip():
        raise SettingError(
            f"'{change}' is not a setting.",
            hint="write it as name=value, for example --settings engine.batch=32",
        )
    first, *rest = path.strip().split(".")
    return (*renamed.get(first, first).split("."), *rest), _value(text.strip())


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_kind(path: tuple[str, ...]) -> bool:
    return path[-1] == "kind"


def _place(tree: Tree, path: tuple[str, ...], value: object) -> None:
    *parents, name = path
    node: Any = tree
    for depth, part in enumerate(path):
        if not isinstance(node, dict):
            parent = ".".join(path[:depth])
            raise _unknown(path, f"'{parent}' is {_shown(node)} and has no parts")
        # A kind without defaults has no parts until they are set; validation checks them. Users
        # choose the names of conditions.
        is_named = depth == 1 and path[0] in _BY_NAME
        if part not in node and node and "kind" not in node and not is_named:
            raise _unknown(path, _nearest(path, tree) or suggest(part, node))
        if depth < len(parents):
            node = node.setdefault(part, {})
    if name == "kind" and node.get("kind") != value:
        node.clear()
    node[name] = value


def _unknown(path: tuple[str, ...], hint: str) -> SettingError:
    return SettingError(f"There is no setting '{'.'.join(path)}'.", hint=hint)


def _nearest(path: tuple[str, ...], tree: Tree) -> str:
    """A hint with the setting, in any part, whose own name is most similar; or nothing."""
    known = {place: place.rpartition(".")[2] for place, _ in _leaves(tree)}
    names = difflib.get_close_matches(path[-1], set(known.values()), n=1)
    places = [place for place, name in known.items() if name in names]
    wanted = ".".join(path)
    alike = [(difflib.SequenceMatcher(None, wanted, place).ratio(), place) for place in places]
    return f"did you mean '{max(alike)[1]}'?" if alike else ""


def _with_defaults(tree: Tree, kind: type[RecipeBase]) -> Tree:
    """The tree with the defaults of new kinds written out, so that they can be set by name.

    A tree that is not valid yet may become so with the other changes, and is returned as it is.
    """
    try:
        return kind.model_validate(tree).model_dump(mode="json")
    except ValidationError:
        return tree


def _leaves(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a tree that is not a part itself, with its path."""
    if not isinstance(node, dict):
        yield path, node
        return
    for name, part in node.items():
        yield from _leaves(part, f"{path}.{name}" if path else name)


def _setting_error(error: ValidationError, tree: Mapping[str, Any]) -> SettingError:
    """The first problem of a validation, as an error that names the setting.

    Args:
        error: The error of pydantic.
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
            f"The setting '{lacking}' is missing.", hint=f"add --settings {lacking}=VALUE"
        )
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _no_such_kind(path, value, problem)
    if not path:
        return SettingError("These settings do not go together.", why=_reason(problem))
    return SettingError(f"The setting '{path}' cannot be {_shown(value)}.", why=_reason(problem))


def _reason(problem: ErrorDetails) -> str:
    """Why a value does not fit, as the rest of a sentence."""
    text = _REASONS.get(problem["type"], problem["msg"])
    text = text.removeprefix("Value error, ").replace("Input should", "it should", 1)
    return text[:1].lower() + text[1:]


def _shown(value: object) -> str:
    """A value as JSON, cut to a length that fits a line."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _no_such_kind(path: str, value: object, problem: ErrorDetails) -> SettingError:
    kind = value.get("kind") if isinstance(value, dict) else value
    known = problem.get("ctx", {}).get("expected_tags", "")
    names = [name.strip(" '") for name in known.split(",")] if known else []
    return SettingError(
        f"The setting '{path}.kind' cannot be {_shown(kind)}.",
        hint=suggest(str(kind), names) if names else f"choose one: --settings {path}.kind=NAME",
    )


def _followed(
    tree: Mapping[str, Any], loc: tuple[int | str, ...]
) -> tuple[list[str], Any, Mapping[str, Any]]:
    """Follow a location that pydantic reports into plain data.

    Pydantic also reports the branch of a union that it took, which the user never wrote and the
    data does not hold; such parts are skipped.

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
