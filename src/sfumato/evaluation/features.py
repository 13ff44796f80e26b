"""Features of samples and of real items, by any extractor, and by the run's own network of text."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel
from sfumato.model.tokens import TokenModel
from sfumato.nets.transformer import TokenTransformer
from sfumato.runs.progress import Progress

_TEXTS = 16  # Texts in a batch of the network.
ItemsT = TypeVar("ItemsT")
InputT = TypeVar("InputT")
MOST_PAIRED = 5000
"""Measures that compare all pairs of items use at most this many items of a set."""


@dataclass(frozen=True)
class Features:
    """Features of samples, of training items and of held-out items by one extractor.

    Attributes:
        name: Name of the extractor.
        identity: Identity of the extractor.
        samples: Shape (n, d).
        training: Shape (M, d).
        held_out: Shape (m, d); m may be 0.
    """

    name: str
    identity: str
    samples: Tensor
    training: Tensor
    held_out: Tensor

    @cached_property
    def real(self) -> Tensor:
        """All real items, training items first, shape (M + m, d)."""
        return torch.cat([self.training, self.held_out])

    @cached_property
    def kernel(self) -> GaussianKernel:
        """The kernel of all measures by this extractor; its width is set by the training items.

        Raises:
            DataError: Most training items are equal.
        """
        return GaussianKernel.of(self.training)

    @cached_property
    def some_training(self) -> Tensor:
        """Training items for measures that compare all pairs: at most 5,000, evenly spaced."""
        return self.training[evenly_spaced(len(self.training), MOST_PAIRED)]


class Sets(NamedTuple, Generic[ItemsT]):
    """Samples, training items and held-out items."""

    samples: ItemsT
    training: ItemsT
    held_out: ItemsT


def extract(
    extractor: Extractor[InputT], sets: Sets[ItemsT], prepare: Callable[[ItemsT], InputT]
) -> Features:
    """Features of three sets by one extractor; ``prepare`` turns a set into the extractor's input.

    An extractor treats each item for itself, so the sets do not influence each other.
    """
    features = (extractor(prepare(items)) for items in sets)
    return Features(extractor.name, extractor.identity, *features)


def extract_each(
    extractors: Sequence[Extractor[InputT]],
    sets: Sets[ItemsT],
    prepare: Callable[[ItemsT], InputT],
    n: int,
) -> Generator[Progress, None, tuple[Features, ...]]:
    """Features of three sets by one extractor after the other; yields progress.

    Args:
        extractors: The principal extractor first.
        sets: The items.
        prepare: See :func:`extract`.
        n: Number of samples.
    """
    features = []
    for extractor in extractors:
        yield Progress(f"extracting features by {extractor.name}: samples", 0, n)
        features.append(extract(extractor, sets, prepare))
    return tuple(features)


def evenly_spaced(count: int, most: int) -> Tensor:
    """At most ``most`` indices of ``count`` items, evenly spaced, int64."""
    chosen = min(count, most)
    return torch.arange(chosen) * count // max(chosen, 1)


class HiddenStates:
    """Features of texts by the run's own network: what its head reads, averaged over the tokens.

    A network that has learnt to fill gaps knows what a text is about. But it is the network that
    is evaluated: distances in its own states are not comparable with those of another run. Only the
    beginning of a text counts, up to the context of the network. A text without tokens has features
    of 0.

    Args:
        model: Model of a run.
    """

    name = "hidden-states"

    def __init__(self, model: TokenModel) -> None:
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
        context = self._model.medium.settings.context
        tokens = [self._model.tokenizer.encode(text)[:context] for text in items]
        features = torch.zeros(len(items), self.dimension)
        for places in _of_one_length(tokens):
            features[places] = self._states(np.stack([tokens[place] for place in places]))
        return features

    @torch.no_grad()
    def _states(self, tokens: NDArray[np.int32]) -> Tensor:
        """The mean states of clean texts of one length, tokens of shape (B, L), L >= 1."""
        inputs: list[Tensor] = []

        def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            inputs.append(args[0].float().mean(1).cpu())

        hook = self._head.register_forward_pre_hook(note)
        try:
            x = torch.from_numpy(tokens.astype(np.int64)).to(self._model.device)
            self._model.denoiser.predict(x, torch.zeros((), dtype=torch.float64))
        finally:
            hook.remove()
        return inputs[0]


def _of_one_length(tokens: Sequence[NDArray[np.int32]]) -> Iterator[list[int]]:
    """Indices of texts of one length, in batches; texts without tokens are left out."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    for length, group in groupby(order, key=lambda place: len(tokens[place])):
        places = list(group)
        for low in range(0, len(places) if length else 0, _TEXTS):
            yield places[low : low + _TEXTS]
