"""A trained embedding of sentences, as an extractor of texts.

MiniLM (Wang et al. 2020, arXiv:2002.10957), a small BERT (Devlin et al. 2019, arXiv:1810.04805),
trained on pairs of sentences so that near means alike (Reimers and Gurevych 2019,
arXiv:1908.10084).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, normalize, scaled_dot_product_attention

from sfumato.errors import DamagedFile, DataError, MissingExtra
from sfumato.metrics.identity import identity_of

WEIGHTS_FILE, TOKENIZER_FILE = "model.safetensors", "tokenizer.json"

_VERSION = 1
_WIDTH, _HEADS, _LAYERS = 384, 12, 6
_LONGEST = 256
_EPSILON = 1e-12
_AT_ONCE = 32


class SentenceEmbedding:
    """384 numbers that say what a text is about, of length 1.

    The mean over a text's pieces of what the last layer makes of them; zeros of no piece. Of a long
    text the first 256 pieces count, some 200 words. It was trained on English sentences: of what is
    neither, such as molecules, it says little.

    Args:
        folder: Holds ``model.safetensors`` and ``tokenizer.json``, as the catalogue's asset
            ``sentence-embedding`` does.

    Raises:
        DataError: A file is missing.
        DamagedFile: The files do not hold this network.
        MissingExtra: The package ``tokenizers`` is not installed.
    """

    name = "sentence-embedding"
    dimension = _WIDTH

    def __init__(self, folder: Path) -> None:
        for path in (folder / WEIGHTS_FILE, folder / TOKENIZER_FILE):
            if not path.is_file():
                raise DataError(
                    f"There is no {path}.", hint=f"fetch the model '{self.name}' again."
                )
        self._tokenizer, self._pieces = _tokenizer(folder / TOKENIZER_FILE)
        try:
            self._tensors = load_file(folder / WEIGHTS_FILE)
            self._embedded(["a"])  # A missing weight or one of another shape is found now.
        except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
            raise DamagedFile(
                f"{folder / WEIGHTS_FILE} is no such network.",
                why=str(error),
                hint=f"remove its folder and fetch the model '{self.name}' again.",
            ) from error

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        settings = f"{self.name} {_VERSION} {_LONGEST} {self._pieces}"
        return identity_of(settings, self._tensors)

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors, each for itself but for rounding.

        Returns:
            float32, shape (B, 384).
        """
        found = torch.zeros(len(items), self.dimension)
        # Texts of like length together, so that little is padded.
        order = sorted(range(len(items)), key=lambda place: len(items[place]))
        for low in range(0, len(order), _AT_ONCE):
            places = order[low : low + _AT_ONCE]
            found[places] = self._embedded([items[place] for place in places])
        return found

    @torch.no_grad()
    def _embedded(self, texts: list[str]) -> Tensor:
        pieces = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([piece.ids for piece in pieces])
        there = torch.tensor([piece.attention_mask for piece in pieces], dtype=torch.bool)
        x = encoded(self._tensors, ids, there)
        weights = there[..., None].float()
        return normalize((x * weights).sum(1))


def encoded(tensors: Mapping[str, Tensor], ids: Tensor, there: Tensor) -> Tensor:
    """What the last layer of a BERT encoder makes of pieces.

    Args:
        tensors: The weights, by their names in the published file.
        ids: Pieces, int64, shape (B, L), L <= 512.
        there: Which are no padding, bool, shape (B, L).

    Returns:
        float32, shape (B, L, width).
    """
    of = {name.removeprefix("embeddings."): tensor for name, tensor in tensors.items()}
    x = of["word_embeddings.weight"][ids] + of["position_embeddings.weight"][: ids.shape[1]]
    x = x + of["token_type_embeddings.weight"][0]
    x = _normed(tensors, "embeddings.LayerNorm", x)
    for layer in range(_LAYERS):
        name = f"encoder.layer.{layer}"
        attended = _attended(tensors, f"{name}.attention.self", x, there)
        x = x + _dense(tensors, f"{name}.attention.output.dense", attended)
        x = _normed(tensors, f"{name}.attention.output.LayerNorm", x)
        wide = gelu(_dense(tensors, f"{name}.intermediate.dense", x))
        x = x + _dense(tensors, f"{name}.output.dense", wide)
        x = _normed(tensors, f"{name}.output.LayerNorm", x)
    return x


def _attended(tensors: Mapping[str, Tensor], name: str, x: Tensor, there: Tensor) -> Tensor:
    q, k, v = (
        _dense(tensors, f"{name}.{part}", x).view(*x.shape[:2], _HEADS, -1).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    # Where nothing is there, all is looked at: a mean of nothing would not be a number.
    seen = there | ~there.any(1, keepdim=True)
    found = scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None, :])
    return found.transpose(1, 2).flatten(2)


def _dense(tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _normed(tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return layer_norm(x, x.shape[-1:], weight, bias, _EPSILON)


def _tokenizer(path: Path) -> tuple[Any, str]:
    """A tokenizer, and the digest of its file, which no version of the package changes."""
    try:
        package = importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra("tokenizers", "text", "A trained embedding of sentences") from error
    try:
        described = path.read_bytes()
        tokenizer = package.Tokenizer.from_buffer(described)
    except Exception as error:  # The package raises nothing more particular.
        raise DamagedFile(f"{path} is no tokenizer.", why=str(error)) from error
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.enable_padding()
    return tokenizer, hashlib.sha256(described).hexdigest()
