"""What samples were to be, in words: the captions below them on a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = "words"


def caption_of(origin: Mapping[str, Any]) -> str:
    """The conditions of a sample besides its class, in one line.

    Args:
        origin: Its provenance as plain data.

    Returns:
        Its words, then its other conditions by name; empty for a sample without any. Between two
        prompts of a series the share of the second one is stated.
    """
    values = _mapping(origin.get("conditions"))
    caption, blend = in_words(values), _mapping(origin.get("blend"))
    if not blend:
        return caption
    other = in_words({**values, **_mapping(blend.get("conditions"))})
    if blend.get("region") is not None:
        return f"{caption}; in the region: {other}"
    share = (origin["index"] - blend["first"]) / (blend["count"] - 1)
    if 0 < share < 1:
        return f"{caption} -> {other}, {share:.0%}"
    return other if share >= 1 else caption


def in_words(values: Mapping[str, Any]) -> str:
    """Values of conditions in one line: words as they are, others with their names.

    Args:
        values: Values by the names of the conditions; of several captions the first one counts.
    """
    firsts = {name: _first(value) for name, value in values.items()}
    own = [firsts.pop(_WORDS, "")]
    return ", ".join(filter(None, own + [f"{name}: {text}" for name, text in firsts.items()]))


def _first(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
