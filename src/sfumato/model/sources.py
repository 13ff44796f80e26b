"""What the conditions of a run need besides their settings: frozen encoders of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from sfumato.catalogue.assets import fetch_asset
from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition, Source
from sfumato.minilm import MiniLM


def sources_of(conditions: Mapping[str, Condition]) -> dict[str, Source]:
    """The sources of conditions that need one, by name; a missing model is fetched.

    Raises:
        DataError: A model cannot be fetched.
        MissingExtra: A package that it needs is not installed.
    """
    return {
        name: _states(each.encoder.asset, each.encoder.length or 1)
        for name, each in conditions.items()
        if isinstance(each, Caption) and each.encoder.asset
    }


def _states(asset: str, length: int) -> Source:
    encoder = _loaded(fetch_asset(asset))

    def states(texts: Sequence[str]) -> Tensor:
        return encoder.states(texts, length)

    return states


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> MiniLM:
    return MiniLM(folder)
