"""Changing single settings of a recipe by name: ``--set engine.optimizer.lr=1e-4``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from sfumato.errors import SettingError, suggest
from sfumato.recipes.recipe import Recipe
from sfumato.recipes.wording import setting_error, shown

Tree = dict[str, Any]


def override(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """A recipe with some settings replaced.

    Args:
        recipe: The recipe to start from; it is not changed.
        changes: Each ``path.to.setting=value``. A value is read as JSON where it is JSON, and as a
            plain string otherwise. Changing a ``kind`` starts that part afresh with the defaults
            of the new kind, whatever the order of the changes.

    Raises:
        SettingError: A setting is unknown, or a value does not fit it.
    """
    tree = recipe.model_dump(mode="json")
    pairs = [_parsed(change) for change in changes]
    # Kinds first, outer before inner: what else is set below one belongs to the new kind.
    kinds = sorted((pair for pair in pairs if _is_kind(pair[0])), key=lambda pair: len(pair[0]))
    for path, value in kinds:
        _place(tree, path, value)
        tree = _with_defaults(tree)
    for path, value in pairs:
        if not _is_kind(path):
            _place(tree, path, value)
    return validate(tree)


def validate(tree: Tree) -> Recipe:
    """A recipe from plain data.

    Raises:
        SettingError: Naming the first setting that is unknown or has a bad value.
    """
    for path, number in _numbers(tree):
        if not math.isfinite(number):
            raise SettingError(
                f"The setting '{path}' cannot be {number}.", why="it should be a finite number"
            )
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        raise setting_error(error, tree) from error
    return recipe


def _parsed(change: str) -> tuple[tuple[str, ...], object]:
    path, equals, text = change.partition("=")
    if not equals or not path.strip():
        raise SettingError(
            f"'{change}' is not a setting.",
            hint="write it as name=value, for example --set engine.batch=32",
        )
    return tuple(path.strip().split(".")), _value(text.strip())


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # A word; but pydantic would read some words as numbers that JSON cannot hold.
        return float(text) if text.lower().lstrip("+-") in ("nan", "inf", "infinity") else text


def _is_kind(path: tuple[str, ...]) -> bool:
    return path[-1] == "kind"


def _place(tree: Tree, path: tuple[str, ...], value: object) -> None:
    *parents, name = path
    node: Any = tree
    for depth, parent in enumerate(parents):
        if not isinstance(node, dict) or parent not in node:
            raise _unknown(path[: depth + 1], node)
        node = node[parent]
    if not isinstance(node, dict) or name not in node:
        raise _unknown(path, node)
    if name == "kind" and node["kind"] != value:
        node.clear()
    node[name] = value


def _with_defaults(tree: Tree) -> Tree:
    """The tree with the defaults of a new kind written out, so that they can be set by name.

    A kind without defaults for all of its settings has to be given whole, as JSON; the tree stays
    as it is, and the final validation says what is missing.
    """
    try:
        return Recipe.model_validate(tree).model_dump(mode="json")
    except ValidationError as error:
        if any(problem["type"] != "missing" for problem in error.errors()):
            raise setting_error(error, tree) from error
        return tree


def _unknown(path: tuple[str, ...], node: object) -> SettingError:
    what = f"There is no setting '{'.'.join(path)}'."
    if not isinstance(node, dict):
        return SettingError(what, hint=f"'{'.'.join(path[:-1])}' is {shown(node)} and has no parts")
    return SettingError(what, hint=suggest(path[-1], node))


def _numbers(node: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of plain data, with its place."""
    if isinstance(node, float):
        yield path, node
    parts: Iterable[tuple[object, object]] = ()
    if isinstance(node, dict):
        parts = node.items()
    elif isinstance(node, list):
        parts = enumerate(node)
    for name, part in parts:
        yield from _numbers(part, f"{path}.{name}" if path else str(name))
