"""Griffe extension: the two conventions of our docstrings that Google's style does not have.

Roles such as ``:class:`~sfumato.run.Run` `` become links where the reference shows the object, and
plain code elsewhere. An entry for several parameters, ``a, b: Features.``, becomes one for each.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:py:)?(?:attr|class|data|exc|func|meth|mod|obj):`(~?)([\w.]+)`")


SHARED = re.compile(r"^( {4})(\w+(?:, \w+)+)(: .*(?:\n {5,}.*)*)", re.MULTILINE)


class Conventions(griffe.Extension):
    """Rewrite all docstrings of a package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Walk the objects of the package."""
        self._rewrite(pkg)

    def _rewrite(self, obj: griffe.Object) -> None:
        if obj.docstring is not None:
            text = SHARED.sub(_one_for_each, obj.docstring.value)
            obj.docstring.value = ROLE.sub(
                lambda match: _link(obj, match[2], short=bool(match[1])), text
            )
        for member in obj.members.values():
            if isinstance(member, griffe.Object):
                self._rewrite(member)


def _one_for_each(match: re.Match[str]) -> str:
    indent, names, description = match.groups()
    return "\n".join(f"{indent}{name}{description}" for name in names.split(", "))


def _link(obj: griffe.Object, target: str, *, short: bool) -> str:
    shown = target.rsplit(".", 1)[-1] if short else target
    identifier = _resolve(obj, target)
    if identifier is None:
        return f"`{shown}`"
    return f'<autoref optional identifier="{identifier}"><code>{shown}</code></autoref>'


def _resolve(obj: griffe.Object, target: str) -> str | None:
    if target.startswith("sfumato."):
        return target
    scope: griffe.Object | None = obj
    first, *rest = target.split(".")
    while scope is not None:
        if first in scope.members:
            member = scope.members[first]
            path = member.target_path if isinstance(member, griffe.Alias) else member.path
            return ".".join([path, *rest])
        scope = scope.parent if isinstance(scope.parent, griffe.Object) else None
    return None
