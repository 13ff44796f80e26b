"""How near to the data's law each sampler of tokens comes, by number of evaluations.

    python benchmarks/token_sampler_accuracy.py
    python benchmarks/token_sampler_plot.py

The data are the sequences of a Markov chain, whose denoiser is exact, so that every error is the
sampler's. Three measures, in bits, 0 = exact:

- *path*: Kullback-Leibler divergence of the sampler's path from the path that draws the same places
  together, a token. An upper bound on that of the samples (see token_path_laws.py); not known for
  every sampler.
- *pairs*: divergence of the pairs of neighbours found in the samples from the chain's, a pair.
  Even true samples do not reach 0: the rows named 'truth' say how far they are.
- *surprise*: how much less likely than true ones the samples are under the chain, a token. Below 0
  they are too likely.

Takes about five minutes of one core; prints Markdown and writes a table.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import torch
from token_path_laws import walk
from torch import Tensor

from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.process.rng import Stream, uniform
from sfumato.sampling.noise import KeyedUniform
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Bridge, Confidence, TokenSampler
from sfumato.storage import write_text

EVALUATIONS = (1, 2, 4, 9, 16, 32, 64, 128, 256)
# Sets of true samples that say how large the measures are by chance.
TRUE_SETS = 64
TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Measures:
    """What is measured of a batch of samples, in bits; errors are standard errors of the mean."""

    path: float | None
    path_error: float | None
    pairs: float
    surprise: float
    surprise_error: float | None


@dataclass(frozen=True)
class Result:
    """One line of the table; ``evaluations`` is None for what no sampler made."""

    process: str
    sampler: str
    evaluations: int | None
    chains: int
    measures: Measures


def sticky(size: int, length: int, seed: int, stay: float) -> MarkovChain:
    """A random chain that repeats its token with a chance of at least ``stay``."""
    base = MarkovChain.random(size, length, seed, concentration=1.0)
    same = torch.eye(size, dtype=torch.float64)
    return MarkovChain(base.initial, stay * same + (1 - stay) * base.transition, length)


def neighbours(chain: MarkovChain) -> Tensor:
    """The chances of two neighbours, averaged over all places, shape (V * V,)."""
    share, total = chain.initial, torch.zeros_like(chain.transition)
    for _ in range(chain.length - 1):
        total += share[:, None] * chain.transition
        share = share @ chain.transition
    return total.flatten() / (chain.length - 1)


def pairs(chain: MarkovChain, tokens: Tensor) -> float:
    """Divergence of the pairs found in tokens (B, L) from the true ones, bits a pair."""
    found = (tokens[:, :-1] * chain.size + tokens[:, 1:]).flatten()
    share = torch.bincount(found, minlength=chain.size**2).double() / found.numel()
    return float(torch.xlogy(share, share / neighbours(chain)).sum() / math.log(2))


def bits_a_token(nats: Tensor, chain: MarkovChain) -> tuple[float, float]:
    """Mean and its standard error, of nats a sequence, shape (B,)."""
    bits = nats / (chain.length * math.log(2))
    return bits.mean().item(), bits.std().item() / math.sqrt(len(bits))


def measured(chain: MarkovChain, tokens: Tensor, nats: Tensor | None) -> Measures:
    """All measures of samples (B, L) and, where known, of their paths (B,)."""
    path, path_error = (None, None) if nats is None else bits_a_token(nats, chain)
    surprise = bits_a_token(-chain.log_probability(tokens) - chain.entropy(), chain)
    return Measures(path, path_error, pairs(chain, tokens), *surprise)


def contestants(size: int) -> Iterator[tuple[str, str, CategoricalProcess, TokenSampler]]:
    """Every registered sampler at its defaults, and what else is worth a line."""
    masking = Masking(LinearKeep(), size)
    for kind, sampler in TOKEN_SAMPLERS.items():
        yield "masking", kind, masking, sampler()
    yield "masking", "confidence, noise 0", masking, Confidence(noise=0)
    yield "uniform", "bridge", Uniform(LinearKeep(), size), Bridge()


def truths(chain: MarkovChain, chains: int) -> Iterator[Result]:
    """True samples by the same measures: the mean of many sets, and what one in twenty exceeds.

    Their surprise is taken without its sign.
    """
    sets = []
    for number in range(TRUE_SETS):
        rows = range(number * chains, (number + 1) * chains)
        tokens = chain.sample(uniform(1, Stream.PRIOR, rows, (chain.length,)))
        one = measured(chain, tokens, None)
        sets.append((one.pairs, abs(one.surprise)))
    found = torch.tensor(sets)
    for name, row in ("mean", found.mean(0)), ("95 % of sets", found.quantile(0.95, 0)):
        floor = Measures(None, None, row[0].item(), row[1].item(), None)
        yield Result("", f"truth, {name}", None, chains, floor)


def results(chain: MarkovChain, chains: int) -> Iterator[Result]:
    """The whole table, line by line; all samplers are given the same noise."""
    yield from truths(chain, chains)
    noise = KeyedUniform(0, range(chains))
    for process, name, law, sampler in contestants(chain.size):
        denoiser = SequenceDenoiser(chain, law)
        for evaluations in EVALUATIONS:
            tokens, nats = walk(denoiser, chain, sampler, noise, evaluations)
            measures = measured(chain, tokens, nats)
            yield Result(process, name, evaluations, chains, measures)


def markdown(title: str, found: list[Result], cell: Callable[[Result], str]) -> str:
    """One table of samplers by evaluations."""
    rows: dict[str, list[str]] = {}
    for one in found:
        if one.evaluations is not None:
            rows.setdefault(f"{one.sampler} ({one.process})", []).append(cell(one))
    head = " | ".join(map(str, EVALUATIONS))
    lines = [f"| {title} | {head} |", "|---" * (len(EVALUATIONS) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def bits(value: float | None) -> str:
    """Two digits; what is nothing but rounding is 0, what is not known a dash."""
    if value is None:
        return "-"
    return "0" if abs(value) < 1e-10 else f"{value:#.2g}" if abs(value) < 1 else f"{value:.2f}"


def as_csv(found: list[Result]) -> str:
    """The table as text, numbers to five digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("process", "sampler", "evaluations", "chains")
    writer.writerow([*names, *(field.name for field in fields(Measures))])
    for one in found:
        values = (f"{v:.5g}" if isinstance(v, float) else v for v in astuple(one.measures))
        writer.writerow([*(getattr(one, name) for name in names), *values])
    return text.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chains", type=int, default=256, help="samples of every cell")
    parser.add_argument("--size", type=int, default=6, help="V, the number of tokens")
    parser.add_argument("--length", type=int, default=256, help="L, the tokens of a sample")
    parser.add_argument("--seed", type=int, default=20, help="which chain")
    parser.add_argument("--stay", type=float, default=0.8, help="least chance of a repetition")
    parser.add_argument("--table", type=Path, default=TABLE, help="where the numbers are written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    chain = sticky(asked.size, asked.length, asked.seed, asked.stay)
    print(f"entropy: {chain.entropy() / (chain.length * math.log(2)):.4f} bits a token\n")
    found = []
    for one in results(chain, asked.chains):
        found.append(one)
        print(one, flush=True)
    write_text(asked.table, as_csv(found))
    print()
    print(markdown("path", found, lambda one: bits(one.measures.path)))
    print(markdown("pairs", found, lambda one: bits(one.measures.pairs)))
    print(markdown("surprise", found, lambda one: bits(one.measures.surprise)))


if __name__ == "__main__":
    main()
