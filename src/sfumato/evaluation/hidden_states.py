"""Texts as a run's own network sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.model.tokens import TextModel
from sfumato.nets.transformer import TokenTransformer

_AT_ONCE = 16


class HiddenStates:
    """What the network's head reads at each token of a clean text, averaged over the tokens.

    A network that has learnt to fill gaps knows what a text is about. But it is the network that
    is measured: distances under its own states say what it could tell apart, and nothing beside
    another run's. Of a text longer than the context its beginning counts; one without tokens is
    at zero.

    Args:
        model: Of a run.
    """

    name = "hidden-states"

    def __init__(self, model: TextModel) -> None:
        backbone = model.denoiser.backbone
        if not isinstance(backbone, TokenTransformer):
            raise TypeError("hidden states are read from a token transformer")
        self.dimension = backbone.head.in_features
        self.identity = model.fingerprint
        self._model = model
        self._head: nn.Module = backbone.head

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors, each for itself.

        Returns:
            float32, shape (B, dimension).
        """
        context = self._model.spec.text.medium.context
        tokens = [self._model.tokenizer.encode(text)[:context] for text in items]
        found = torch.zeros(len(items), self.dimension)
        for places in _alike(tokens):
            found[places] = self._states(np.stack([tokens[place] for place in places]))
        return found

    @torch.no_grad()
    def _states(self, tokens: NDArray[np.int32]) -> Tensor:
        """The mean states of texts of one length, tokens of shape (B, L), L >= 1."""
        seen: list[Tensor] = []

        def note(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen.append(given[0].float().mean(1).cpu())

        hook = self._head.register_forward_pre_hook(note)
        try:
            x = torch.from_numpy(tokens.astype(np.int64)).to(self._model.device)
            self._model.denoiser.predict(x, torch.zeros((), dtype=torch.float64))
        finally:
            hook.remove()
        return seen[0]


def _alike(tokens: Sequence[NDArray[np.int32]]) -> Iterator[list[int]]:
    """Places of texts of one length, a few at a time; none of texts without tokens."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    for length, group in groupby(order, key=lambda place: len(tokens[place])):
        places = list(group)
        for low in range(0, len(places) if length else 0, _AT_ONCE):
            yield places[low : low + _AT_ONCE]
