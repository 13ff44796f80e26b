"""The entries of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sfumato.catalogue.audio_sets import DRUMS, ONE_SHOTS, SPOKEN_NUMBERS
from sfumato.catalogue.entry import Entry
from sfumato.catalogue.image_sets import MNIST, NOTO, OPENMOJI
from sfumato.catalogue.text_sets import MOLECULES, SHAKESPEARE, SOTU
from sfumato.catalogue.word_sets import OPENMOJI_WORDS, STAMPS
from sfumato.errors import SettingError, suggest

_IMAGES = (OPENMOJI, MNIST, NOTO, OPENMOJI_WORDS, STAMPS)
_TEXTS = (SHAKESPEARE, SOTU, MOLECULES)
_AUDIO = (ONE_SHOTS, DRUMS, SPOKEN_NUMBERS)

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {entry.name: entry for entry in (*_IMAGES, *_TEXTS, *_AUDIO)}
)
DEFAULT = OPENMOJI.name
DEFAULT_TEXT = SHAKESPEARE.name
DEFAULT_AUDIO = ONE_SHOTS.name


def find(name: str) -> Entry:
    """The entry of a name.

    Raises:
        SettingError: There is no such entry.
    """
    if name not in CATALOGUE:
        raise SettingError(
            f"There is no data set '{name}' in the catalogue.", hint=suggest(name, CATALOGUE)
        )
    return CATALOGUE[name]
