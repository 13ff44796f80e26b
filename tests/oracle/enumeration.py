"""Sequences by brute force: all of them, each weighed by multiplying out its chances."""

from itertools import product

import torch
from torch import Tensor

from sfumato.oracle import HiddenMarkovModel, MarkovChain, SequenceMixture
from sfumato.process.categorical import CategoricalProcess, Masking

F64 = torch.float64


def every(size: int, length: int) -> Tensor:
    """All texts, shape (V^L, L)."""
    return torch.tensor(list(product(range(size), repeat=length)))


def law(distribution: MarkovChain | HiddenMarkovModel | SequenceMixture) -> Tensor:
    """The probability of each text in the order of :func:`every`, shape (V^L,)."""
    if isinstance(distribution, SequenceMixture):
        parts = zip(distribution.weights, distribution.parts, strict=True)
        return torch.stack([weight * law(part) for weight, part in parts]).sum(0)
    texts = every(distribution.size, distribution.length).tolist()
    if isinstance(distribution, MarkovChain):
        return torch.tensor([_of_chain(distribution, text) for text in texts], dtype=F64)
    hidden, emission = distribution.hidden, distribution.emission.tolist()
    paths = every(hidden.size, hidden.length).tolist()
    chances = [_of_chain(hidden, path) for path in paths]
    total = torch.zeros(len(texts), dtype=F64)
    for k, text in enumerate(texts):
        for path, chance in zip(paths, chances, strict=True):
            for state, token in zip(path, text, strict=True):
                chance *= emission[state][token]
            total[k] += chance
    return total


def _of_chain(chain: MarkovChain, text: list[int]) -> float:
    k = chain.order
    chance = chain.initial[tuple(text[:k])].item()
    for place in range(k, len(text)):
        chance *= chain.transition[tuple(text[place - k : place + 1])].item()
    return chance


def marginals(weights: Tensor, size: int, length: int) -> Tensor:
    """Share of the weight of all texts that holds token v at place i, shape (L, V)."""
    texts = every(size, length)
    rows = [[weights[texts[:, i] == v].sum() for v in range(size)] for i in range(length)]
    return torch.tensor(rows, dtype=F64) / weights.sum()


def weighed(weights: Tensor, evidence: Tensor) -> Tensor:
    """The weight of each text times its evidence, of shape (L, V)."""
    length, size = evidence.shape
    texts = every(size, length)
    for place in range(length):
        weights = weights * evidence[place, texts[:, place]]
    return weights


def likelihoods(process: CategoricalProcess, x_t: list[int], t: float) -> Tensor:
    """``q(x_t,i | x0_i = v)``, shape (L, V)."""
    keep = process.keep.keep(torch.tensor(t, dtype=F64)).item()

    def of(seen: int, clean: int) -> float:
        if isinstance(process, Masking):
            return 1 - keep if seen == process.mask else keep * (seen == clean)
        return keep * (seen == clean) + (1 - keep) / process.size

    return torch.tensor([[of(seen, v) for v in range(process.size)] for seen in x_t], dtype=F64)
