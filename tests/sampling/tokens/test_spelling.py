"""Tokens of bytes are drawn so that together they are text, from the exact distribution."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from sfumato.denoiser import Denoiser, Posterior
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.sampling import KeyedUniform, integrate, last
from sfumato.sampling.tokens import TOKEN_SAMPLERS
from sfumato.sampling.tokens.spelling import Spelled, Spelling

BYTES = [bytes([byte]) for byte in range(256)]
PIECES = [b"a", b"\xc3", b"\xa9", b"\xe2\x82", b"\xac", b"b\xc3", b"\xa9c"]


def is_text(data: bytes) -> bool:
    try:
        return "\ufffd" not in data.decode()
    except UnicodeDecodeError:
        return False


def test_the_states_are_those_of_utf_8() -> None:
    spelt = Spelling(BYTES).table
    draw = random.Random(0)
    likely = [*b"a\x80\x8f\x90\x9f\xa0\xbd\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xed\xee\xef\xf0\xf1\xf4\xf5"]
    for _ in range(20_000):
        data = bytes(draw.choice(likely) for _ in range(draw.randint(1, 5)))
        for table, expected in (
            (spelt.drawn, is_text(data)),
            (spelt.given, data == b"" or _valid(data)),
        ):
            state = 0
            for byte in data:
                state = int(table[byte, state])
            assert (state == 0) == expected, data


def _valid(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("whole", [True, False])
def test_rows_have_the_exact_distribution(whole: bool) -> None:
    """Against all sequences of three tokens; independent draws are valid in a part of the rows."""
    size, count = 3, 40_000
    torch.manual_seed(0)
    logits = torch.randn(size, len(PIECES))
    p = logits.double().softmax(-1).numpy()
    weights = {}
    for row in itertools.product(range(len(PIECES)), repeat=size):
        data = b"".join(PIECES[token] for token in row)
        end = "".join(chr(byte) for byte in data)
        fits = is_text(data) if whole else _is_begun(data)
        if fits and end:
            weights[row] = float(np.prod([p[place, token] for place, token in enumerate(row)]))
    total = sum(weights.values())
    assert 0.01 < total < 0.9
    spelled = Spelled.of(Spelling(PIECES), [size] * count, size, [whole] * count)
    noise = KeyedUniform(1, range(count))
    x0 = spelled.draw(
        torch.zeros(count, size, dtype=torch.int64),
        torch.ones(count, size, dtype=torch.bool),
        logits.expand(count, size, -1),
        noise.step(0, (size,)),
        noise.step(0, (size,), 1),
    )
    found: dict[tuple[int, ...], int] = {}
    for row in map(tuple, x0.tolist()):
        found[row] = found.get(row, 0) + 1
    assert found.keys() <= weights.keys()
    chi = sum(
        (found.get(row, 0) - count * weight / total) ** 2 / (count * weight / total)
        for row, weight in weights.items()
    )
    degrees = len(weights) - 1
    assert abs(chi - degrees) < 5 * (2 * degrees) ** 0.5


def _is_begun(data: bytes) -> bool:
    """Whether bytes are text up to a character that is cut off at the end."""
    return any(is_text(data + more) for more in (b"", b"\xa9", b"\x82\xac", b"\xac"))


class Rough(Denoiser[CategoricalProcess]):
    """Any logits for any state."""

    def forward(self, x_t: torch.Tensor, t: torch.Tensor, **cond: object) -> Posterior:
        seed = torch.Generator().manual_seed(int(x_t.sum()))
        logits = 2 * torch.randn(*x_t.shape, self.process.size, generator=seed)
        if isinstance(self.process, Masking):
            seen = x_t != self.process.mask
            known = torch.full_like(logits, -1e9).scatter_(-1, x_t.clamp_max(255)[..., None], 0.0)
            logits = torch.where(seen[..., None], known, logits)
        return Posterior(logits)


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("kind", TOKEN_SAMPLERS)
def test_every_sampler_makes_texts(kind: str, uniform: bool) -> None:
    if uniform and kind != "bridge":
        pytest.skip("the uniform process has one sampler")
    process = (Uniform if uniform else Masking)(LinearKeep(), 256)
    size, lengths = 24, [24, 24, 9, 1]
    spelled = Spelled.of(Spelling(BYTES), lengths, size, [True, False, True, True])
    noise = KeyedUniform(3, range(4))
    x_1 = process.prior(noise.prior((size,)))
    inside = torch.arange(size) < torch.tensor(lengths)[:, None]
    given = "é的".encode()
    x_1[0, : len(given)] = torch.tensor(list(given))
    free = inside.clone()
    free[0, : len(given)] = False
    sampler = TOKEN_SAMPLERS.find(kind)()
    times = sampler.grid.times(len(sampler.plan(6)), process.keep, size)
    x0 = last(integrate(Rough(process), sampler, x_1, times, noise, 6, None, free, spelled))
    texts = [bytes(row[:length].tolist()) for row, length in zip(x0, lengths, strict=True)]
    assert texts[0].startswith(given)
    assert [is_text(text) for text in (texts[0], *texts[2:])] == [True] * 3
    assert "\ufffd" not in texts[1].decode(errors="ignore")
    assert len(texts[1]) - len(texts[1].decode(errors="ignore").encode()) < 4


def test_rows_do_not_depend_on_each_other() -> None:
    size = 12
    torch.manual_seed(0)
    logits = 3 * torch.randn(6, size, 256)
    noise, again = (KeyedUniform(5, range(6)).step(0, (size,), draw) for draw in (0, 1))
    masks, free = torch.zeros(6, size, dtype=torch.int64), torch.ones(6, size, dtype=torch.bool)
    whole = Spelled.of(Spelling(BYTES), [size] * 6, size).draw(masks, free, logits, noise, again)
    for row in range(6):
        part = slice(row, row + 1)
        alone = Spelled.of(Spelling(BYTES), [size], size).draw(
            masks[part], free[part], logits[part], noise[part], again[part]
        )
        assert alone.tolist() == whole[part].tolist()


def test_rows_that_no_text_fits_stay_as_they_are_drawn() -> None:
    """A given byte that continues nothing."""
    spelled = Spelled.of(Spelling(BYTES), [2], 2)
    x_t, free = torch.tensor([[0x80, 0]]), torch.tensor([[False, True]])
    half = torch.full((1, 2), 0.5, dtype=torch.float64)
    x0 = spelled.draw(x_t, free, torch.zeros(1, 2, 256), half, half)
    assert x0[0, 0] == 0x80


def test_sets_of_allowed_tokens() -> None:
    plain = Spelled.of(Spelling(BYTES), [2] * 50, 2)
    allowed = np.stack([np.ones(256, np.bool_), np.zeros(256, np.bool_)])
    allowed[1, ord("x")] = True
    choice = np.tile([0, 1], (50, 1))
    spelled = Spelled(plain.spelling, plain.lengths, plain.whole, plain.start, choice, allowed)
    noise, again = (KeyedUniform(7, range(50)).step(0, (2,), draw) for draw in (0, 1))
    masks, free = torch.zeros(50, 2, dtype=torch.int64), torch.ones(50, 2, dtype=torch.bool)
    x0 = spelled.draw(masks, free, torch.zeros(50, 2, 256), noise, again)
    assert (x0[:, 1] == ord("x")).all()
    assert (x0[:, 0] < 0x80).all()
    assert len(set(x0[:, 0].tolist())) > 20
