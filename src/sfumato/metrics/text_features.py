"""Extractors of texts: a trained sentence embedding, and hashed counts of character n-grams."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, normalize, scaled_dot_product_attention

from sfumato.errors import DamagedFile, DataError, MissingExtra
from sfumato.metrics.extractor import identity_of

WEIGHTS_FILE, TOKENIZER_FILE = "model.safetensors", "tokenizer.json"

_WIDTH, _HEADS, _LAYERS = 384, 12, 6
_MOST_TOKENS = 256
_EPSILON = 1e-12
_BATCH = 32

_LONGEST_NGRAM = 4
# For each length; short n-grams are few and common, long ones many and rare.
_ENTRIES = 256
# The multipliers and the increment of SplitMix64 (Steele, Lea and Flood 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

_UInt64 = NDArray[np.uint64]


class SentenceEmbedding:
    """A unit vector of 384 numbers that represents the topic and meaning of a text.

    MiniLM (Wang et al. 2020, arXiv:2002.10957), a small BERT (Devlin et al. 2019,
    arXiv:1810.04805), trained on pairs of sentences so that near means alike (Reimers and Gurevych
    2019, arXiv:1908.10084).

    The normalised mean of the last layer over the tokens of a text; zeros if there are none. Only
    the first 256 tokens count, some 200 words. The network was trained on English sentences: it
    says little about other strings, such as molecules.

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
        self._tokenizer, self._digest = _tokenizer(folder / TOKENIZER_FILE)
        try:
            self._tensors = load_file(folder / WEIGHTS_FILE)
            self._embedded(["a"])  # Fails now if a weight is missing or has another shape.
        except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
            raise DamagedFile(
                f"{folder / WEIGHTS_FILE} does not hold this network.",
                why=str(error),
                hint=f"remove its folder and fetch the model '{self.name}' again.",
            ) from error

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return identity_of(f"{self.name} 1 {_MOST_TOKENS} {self._digest}", self._tensors)

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors; but for rounding, each depends on its own text only.

        Returns:
            float32, shape (B, 384).
        """
        vectors = torch.zeros(len(items), self.dimension)
        # Texts of similar length go together, so that there is little padding.
        order = sorted(range(len(items)), key=lambda place: len(items[place]))
        for low in range(0, len(order), _BATCH):
            places = order[low : low + _BATCH]
            vectors[places] = self._embedded([items[place] for place in places])
        return vectors

    @torch.no_grad()
    def _embedded(self, texts: list[str]) -> Tensor:
        encodings = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings], dtype=torch.bool)
        x = encode(self._tensors, ids, mask)
        return normalize((x * mask[..., None].float()).sum(1))


def encode(tensors: Mapping[str, Tensor], ids: Tensor, mask: Tensor) -> Tensor:
    """The output of the last layer of a BERT encoder.

    Args:
        tensors: The weights, by their names in the published file.
        ids: Tokens, int64, shape (B, L), L <= 512.
        mask: False where a token is padding, bool, shape (B, L).

    Returns:
        float32, shape (B, L, width).
    """
    of = {name.removeprefix("embeddings."): tensor for name, tensor in tensors.items()}
    x = of["word_embeddings.weight"][ids] + of["position_embeddings.weight"][: ids.shape[1]]
    x = x + of["token_type_embeddings.weight"][0]
    x = _normed(tensors, "embeddings.LayerNorm", x)
    for layer in range(_LAYERS):
        name = f"encoder.layer.{layer}"
        attended = _attention(tensors, f"{name}.attention.self", x, mask)
        x = x + _dense(tensors, f"{name}.attention.output.dense", attended)
        x = _normed(tensors, f"{name}.attention.output.LayerNorm", x)
        wide = gelu(_dense(tensors, f"{name}.intermediate.dense", x))
        x = x + _dense(tensors, f"{name}.output.dense", wide)
        x = _normed(tensors, f"{name}.output.LayerNorm", x)
    return x


def _attention(tensors: Mapping[str, Tensor], name: str, x: Tensor, mask: Tensor) -> Tensor:
    q, k, v = (
        _dense(tensors, f"{name}.{part}", x).view(*x.shape[:2], _HEADS, -1).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    # A text without tokens attends to its padding: a mean of nothing would not be a number.
    mask = mask | ~mask.any(1, keepdim=True)
    y = scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
    return y.transpose(1, 2).flatten(2)


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
    except Exception as error:  # The package raises no more specific class.
        raise DamagedFile(f"{path} does not hold a tokenizer.", why=str(error)) from error
    tokenizer.enable_truncation(_MOST_TOKENS)
    tokenizer.enable_padding()
    return tokenizer, hashlib.sha256(described).hexdigest()


class NgramFeatures:
    """Counts of n-grams of one to four characters, hashed into 256 entries for each n.

    The entries for an n are the square roots of the shares that its n-grams have in the text, up to
    collisions, which have a random sign so that they cancel on average (feature hashing:
    Weinberger et al. 2009, arXiv:0902.2206). The part for each n has norm 1 and so the vector has
    norm 2: the distance of two texts is 0 if they have the same n-grams equally often, and does
    not grow with their length. The vector of an empty text is zero.
    """

    name = "n-grams"
    identity = identity_of(f"n-grams 1 {_LONGEST_NGRAM} {_ENTRIES}", {})
    dimension = _LONGEST_NGRAM * _ENTRIES

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors; each vector depends on its own text only.

        Returns:
            float32, shape (B, 1024).
        """
        vectors = np.zeros((len(items), self.dimension), np.float32)
        for row, text in zip(vectors, items, strict=True):
            for index, hashes in enumerate(_ngram_hashes(text)):
                row[index * _ENTRIES : (index + 1) * _ENTRIES] = _entries(hashes)
        return torch.from_numpy(vectors)


def _ngram_hashes(text: str) -> Iterator[_UInt64]:
    """The hashes of all n-grams of the text, for n = 1, 2, 3, 4."""
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    code = _mix(points.astype(np.uint64))
    hashes = np.zeros(len(code), np.uint64)
    for offset in range(_LONGEST_NGRAM):
        count = max(len(code) - offset, 0)
        hashes = _mix(hashes[:count] * _STEP + code[offset : offset + count])
        yield hashes


def _mix(x: _UInt64) -> _UInt64:
    """A bijection of 64 bits in which every output bit depends on every input bit."""
    with np.errstate(over="ignore"):
        x = (x + _STEP).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _entries(hashes: _UInt64) -> NDArray[np.float32]:
    """The signed square roots of the shares, summed into entries, of norm 1; zeros if empty."""
    if not len(hashes):
        return np.zeros(_ENTRIES, np.float32)
    kinds, counts = np.unique(hashes, return_counts=True)
    places = (kinds % np.uint64(_ENTRIES)).astype(np.int64)
    signs = np.where(kinds >> np.uint64(63), -1.0, 1.0)
    weights = signs * np.sqrt(counts / len(hashes))
    entries = np.bincount(places, weights, minlength=_ENTRIES)
    norm = np.linalg.norm(entries)
    return np.asarray(entries / norm if norm > 0 else entries, np.float32)
