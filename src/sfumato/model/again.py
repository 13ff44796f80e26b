"""Going on with a sampling that was stopped: which samples of a request are in a folder already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.media.folder import Present, SampleFolder, in_the_way
from sfumato.model.model import Model
from sfumato.model.provenance import Provenance, Request

_AT_ONCE = 1024
_IGNORED = frozenset({"sfumato", "run"})
"""The version, and the name of the run, which may have been renamed: the weights decide."""
_WORDS: Mapping[str, str] = {"model": "the weights", "tile": "the number of rows at a time"}


def already_made(folder: SampleFolder, model: Model[Any], request: Request) -> set[int]:
    """The indices of a request whose samples are in the folder; the folder notes them.

    All samples in the folder have to be made in the way of the request, also those of other
    indices, so that a folder never mixes samples of several settings.

    Args:
        folder: The folder, which nobody else is writing to.
        model: The model of the request.
        request: The request.

    Raises:
        SettingError: A sample was made in another way; the error says what differs. Or a file has
            the name of a sample and is none.
    """
    found: set[int] = set()
    present = list(folder.present())
    for low in range(0, len(present), _AT_ONCE):
        part = present[low : low + _AT_ONCE]
        wanted = model.described(request.sample, [one.index for one in part])
        for one, expected in zip(part, wanted, strict=True):
            _require_same(one, expected, model, folder.format)
            found.add(one.index)
    for one in present:
        folder.keep(one, one.index in request.indices)
    return found


def _require_same(present: Present, expected: Provenance, model: Model[Any], format: str) -> None:
    try:
        made = model.provenance.model_validate(present.provenance)
    except ValidationError as error:
        raise in_the_way(present.path, "its provenance is damaged") from error
    if present.path.suffix.startswith(f".{format}"):
        differences = list(_differences(made.stored(), expected.stored()))
    else:
        differences = [f"its format is {present.path.suffix[1:]}, and {format} is asked for"]
    if differences:
        raise SettingError(
            f"'{present.path}' was made in another way, and nothing is overwritten.",
            why="; ".join(differences),
            hint="choose another --out, or use the same options to make what is missing.",
        )


def _differences(made: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two provenances, in words."""
    for name, new in expected.items():
        old = made.get(name)
        if name in _IGNORED or old == new or (name == "start" and _same_start(old, new)):
            continue
        if isinstance(old, dict) or isinstance(new, dict):
            old, new = (
                value.get("kind") if isinstance(value, dict) else value for value in (old, new)
            )
            if old == new:
                yield f"{name} has other settings"
                continue
        word = _WORDS.get(name, name)
        verb = "were" if word.startswith("the weights") else "was"
        yield f"{word} {verb} {_shown(old)} there and would be {_shown(new)} now"


def _same_start(old: Any, new: Any) -> bool:
    """Whether two variations start from the same content; its file may have been moved."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    return {**old, "path": ""} == {**new, "path": ""}


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
