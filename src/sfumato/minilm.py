"""MiniLM, a small encoder of English sentences, read from its published weights.

A BERT (Devlin et al. 2019, arXiv:1810.04805) of six layers, distilled (Wang et al. 2020,
arXiv:2002.10957) and trained on pairs of sentences so that near means alike (Reimers and Gurevych
2019, arXiv:1908.10084). Its states are conditions of a model, and their mean is a feature of texts.
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
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from sfumato.errors import DamagedFile, DataError, MissingExtra

WEIGHTS_FILE, TOKENIZER_FILE = "model.safetensors", "tokenizer.json"
WIDTH = 384
"""Size of a state."""
MOST_TOKENS = 256
"""Tokens of a text that are read; the network was trained on no more."""

_HEADS, _LAYERS = 12, 6
_EPSILON = 1e-12


class MiniLM:
    """The encoder, frozen, on the CPU.

    Args:
        folder: Holds ``model.safetensors`` and ``tokenizer.json``, as the catalogue's asset
            ``sentence-embedding`` does.

    Attributes:
        tensors: The weights, by their names in the published file.
        digest: SHA-256 of the file of the tokenizer.

    Raises:
        DataError: A file is missing.
        DamagedFile: The files do not hold this network.
        MissingExtra: The package ``tokenizers`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        for path in (folder / WEIGHTS_FILE, folder / TOKENIZER_FILE):
            if not path.is_file():
                raise DataError(
                    f"There is no {path}.", hint="fetch the model 'sentence-embedding' again."
                )
        self._tokenizer, self.digest = _tokenizer(folder / TOKENIZER_FILE)
        try:
            self.tensors = load_file(folder / WEIGHTS_FILE)
            self.encoded(["a"])  # Fails now if a weight is missing or has another shape.
        except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
            raise DamagedFile(
                f"{folder / WEIGHTS_FILE} does not hold this network.",
                why=str(error),
                hint="remove its folder and fetch the model 'sentence-embedding' again.",
            ) from error

    @cached_property
    def identity(self) -> str:
        """A digest of the weights and of the tokenizer, 64 hex digits."""
        content = hashlib.sha256(self.digest.encode())
        for name, tensor in sorted(self.tensors.items()):
            content.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            content.update(tensor.contiguous().view(torch.uint8).numpy().data)
        return content.hexdigest()

    @torch.no_grad()
    def encoded(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The states of texts, padded to the longest of them.

        Returns:
            States of the last layer, float32, shape (B, L, 384), and which of them are tokens and
            no padding, bool, shape (B, L). A text without tokens has none.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings], dtype=torch.bool)
        return encode(self.tensors, ids, mask), mask

    @torch.no_grad()
    def states(self, texts: Sequence[str], length: int) -> Tensor:
        """The states of texts as a condition.

        Each text is encoded by itself, so that its states do not depend on the others, not even in
        their last bits.

        Args:
            texts: B texts.
            length: Number of tokens, with the two that mark the begin and the end; a longer text is
                cut before its end.

        Returns:
            float32, shape (B, length, 384), with zeros behind the last token.
        """
        rows = torch.zeros(len(texts), length, WIDTH)
        for row, text in zip(rows, texts, strict=True):
            ids = self._tokenizer.encode(text).ids
            ids = ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
            tokens = torch.tensor([ids], dtype=torch.int64)
            if len(ids):
                row[: len(ids)] = encode(self.tensors, tokens, torch.ones_like(tokens).bool())[0]
        return rows


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
        raise MissingExtra("tokenizers", "text", "A trained encoder of sentences") from error
    try:
        described = path.read_bytes()
        tokenizer = package.Tokenizer.from_buffer(described)
    except Exception as error:  # The package raises no more specific class.
        raise DamagedFile(f"{path} does not hold a tokenizer.", why=str(error)) from error
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.enable_padding()
    return tokenizer, hashlib.sha256(described).hexdigest()
