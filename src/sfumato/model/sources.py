"""What the conditions of a run need besides their settings: frozen encoders of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from sfumato.catalogue.assets import fetch_asset
from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition, Source
from sfumato.conditioning.states import States
from sfumato.media.number_data import NumberData
from sfumato.minilm import MiniLM


def sources_of(
    conditions: Mapping[str, Condition], data: NumberData | None = None
) -> dict[str, Source]:
    """The sources of conditions that need one, by name; a missing model is fetched.

    Args:
        conditions: The conditions of a run.
        data: The data that are trained on, whose captions are encoded once and cached.

    Raises:
        FetchError: A model cannot be fetched.
        MissingExtra: A package that it needs is not installed.
        DiskFull: There is no room for the cache.
    """
    found: dict[str, Source] = {}
    for name, each in conditions.items():
        if isinstance(each, Caption) and each.encoder.asset:
            states = States(_loaded(fetch_asset(each.encoder.asset)), each.encoder.length or 1)
            if data is not None:
                items = data.dataset.items
                states = states.cached(text for one in items for text in each.texts(one, name))
            found[name] = states
    return found


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> MiniLM:
    return MiniLM(folder)
