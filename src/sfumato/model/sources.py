"""What conditions need besides their settings: frozen encoders, and readers of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from sfumato.catalogue.assets import fetch_asset
from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition, Source
from sfumato.conditioning.file import IN_MEMORY, PairFile
from sfumato.conditioning.pair import Pair
from sfumato.conditioning.states import States
from sfumato.errors import SettingError
from sfumato.media.coding import Coding
from sfumato.media.number_data import NumberData
from sfumato.minilm import MiniLM
from sfumato.model.start import unchanged

_MOST_FILES = 64


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


def pair_readers(
    conditions: Mapping[str, Condition], medium: Coding, arrays: Mapping[str, Tensor]
) -> dict[str, Source]:
    """The sources of pairs in sampling, by name: they read the files that a user names.

    Args:
        conditions: The conditions of a run.
        medium: Its medium.
        arrays: Encoded items that a user gave in place of files, by their digests.
    """
    names = [name for name, each in conditions.items() if isinstance(each, Pair)]
    return dict.fromkeys(names, _signals(medium, arrays)) if names else {}


def _signals(medium: Coding, arrays: Mapping[str, Tensor]) -> Source:
    @lru_cache(maxsize=_MOST_FILES)
    def signal(file: PairFile) -> Tensor:
        if file.sha256 in arrays:
            return arrays[file.sha256]
        if file.path == IN_MEMORY:
            raise SettingError(
                "The sample cannot be made again from its file.",
                why="it was made with an array in memory",
                hint="call run.sample with the array again.",
            )
        path = unchanged(file) if file.sha256 else Path(file.path)
        # A file of its own, so that its bits do not depend on the batch.
        return medium.examples(medium.read(path, file.part)[None]).x0[0]

    def signals(files: Sequence[PairFile | None]) -> Tensor:
        unknown = torch.zeros(medium.signal_shape)
        return torch.stack([unknown if file is None else signal(file) for file in files])

    return signals


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> MiniLM:
    return MiniLM(folder)
