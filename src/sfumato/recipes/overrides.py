"""Changing single settings of a recipe by name: ``--set engine.optimizer.lr=1e-4``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from sfumato.errors import SettingError, suggest
from sfumato.recipes.recipe import Recipe

Tree = dict[str, Any]


def override(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """A recipe with some settings replaced.

    Args:
        recipe: The recipe to start from; it is not changed.
        changes: Each ``path.to.setting=value``. A value is read as JSON where it is JSON, and as a
            plain string otherwise. Changing a ``kind`` starts that part afresh with the defaults
            of the new kind.

    Raises:
        SettingError: A setting is unknown, or a value does not fit it.
    """
    tree = recipe.model_dump(mode="json")
    # A kind first: what else is set below it belongs to the new kind.
    for change in sorted(changes, key=lambda change: not _path(change).endswith("kind")):
        _place(tree, _path(change), _value(change))
    return validate(tree)


def validate(tree: Tree) -> Recipe:
    """A recipe from plain data.

    Raises:
        SettingError: Naming the first setting that is unknown or has a bad value.
    """
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise _explained(error, tree) from error


def _path(change: str) -> str:
    path, equals, _ = change.partition("=")
    if not equals or not path.strip():
        raise SettingError(
            f"'{change}' is not a setting.",
            hint="write it as name=value, for example --set engine.batch=32",
        )
    return path.strip()


def _value(change: str) -> object:
    text = change.partition("=")[2].strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(tree: Tree, path: str, value: object) -> None:
    *parents, name = path.split(".")
    node: Any = tree
    for depth, parent in enumerate(parents):
        if not isinstance(node, dict) or parent not in node:
            raise _unknown(".".join(parents[: depth + 1]), parent, node)
        node = node[parent]
    if not isinstance(node, dict):
        raise _unknown(path, name, node)
    if name == "kind" and node.get("kind") != value:
        node.clear()
    elif name not in node and "kind" not in node:
        raise _unknown(path, name, node)
    node[name] = value


def _unknown(path: str, name: str, node: object) -> SettingError:
    known = list(node) if isinstance(node, dict) else []
    hint = suggest(name, known) if known else "this setting has no parts"
    return SettingError(f"There is no setting '{path}'.", hint=hint)


def _explained(error: ValidationError, tree: Tree) -> SettingError:
    problem = error.errors()[0]
    place, value, parent = _followed(tree, problem["loc"])
    path = ".".join(place)
    if problem["type"] == "extra_forbidden":
        known = [key for key in parent if key != place[-1]]
        return SettingError(f"There is no setting '{path}'.", hint=suggest(place[-1], known))
    reason = problem["msg"].removeprefix("Value error, ")
    return SettingError(
        f"The setting '{path}' cannot be {json.dumps(value)[:200]}.",
        why=reason[:1].lower() + reason[1:],
    )


def _followed(tree: Tree, loc: tuple[int | str, ...]) -> tuple[list[str], Any, Tree]:
    """Follow a place that pydantic names into plain data.

    Pydantic also names the branch of a union that it took, which the user never wrote and the data
    does not hold; such parts are passed over.

    Returns:
        The parts that exist, the value there, and the mapping around it.
    """
    place: list[str] = []
    node: Any = tree
    parent: Tree = tree
    for part in loc:
        if isinstance(node, dict) and part in node:
            parent, node = node, node[str(part)]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        else:
            continue
        place.append(str(part))
    return place, node, parent
