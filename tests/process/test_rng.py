"""Noise by address: stable, independent of the batch, and distributed as it says."""

import math

import pytest
import torch

from sfumato.process.rng import Stream, generator, normal, uniform

GOLDEN_NORMAL = [-0.4638326, -1.2015409, -1.464977, 0.5181948]
GOLDEN_UNIFORM = [0.8135254374348938, 0.46737199848927513, 0.970604456594269]


def kolmogorov_smirnov(u: torch.Tensor) -> float:
    """Distance of a sample from the uniform distribution, times sqrt(n)."""
    u, n = u.flatten().double().sort().values, u.numel()
    above = (torch.arange(1, n + 1) / n - u).max()
    below = (u - torch.arange(n) / n).max()
    return max(above.item(), below.item()) * math.sqrt(n)


def test_golden_values_pin_the_stream():
    """A change here changes every sample ever made; it needs a new format version."""
    noise = normal(1, Stream.PRIOR, [2], (4,), step=3)
    torch.testing.assert_close(noise, torch.tensor([GOLDEN_NORMAL]), rtol=0, atol=1e-6)
    numbers = uniform(1, Stream.TIME, [2], (3,), step=3)
    torch.testing.assert_close(
        numbers, torch.tensor([GOLDEN_UNIFORM], dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_streams_keep_their_numbers():
    """A number that changes or is used again changes what old seeds mean."""
    pinned = {"PRIOR": 0, "SAMPLER": 1, "TRAINING_NOISE": 2, "TIME": 3, "LABEL_DROP": 4}
    assert pinned.items() <= {stream.name: stream.value for stream in Stream}.items()
    assert len({int(stream) for stream in Stream.__members__.values()}) == len(Stream.__members__)


@pytest.mark.parametrize("draw", [normal, uniform])
def test_a_row_is_the_same_in_any_batch(draw):
    batch = draw(7, Stream.SAMPLER, [5, 9, 5, 2**40], (3, 4), step=11)
    alone = [draw(7, Stream.SAMPLER, [k], (3, 4), step=11)[0] for k in (5, 9, 5, 2**40)]
    assert torch.equal(batch, torch.stack(alone))
    assert torch.equal(batch[0], batch[2]) and not torch.equal(batch[0], batch[1])


def test_every_part_of_the_address_counts():
    here = normal(7, Stream.SAMPLER, [5], (16,), step=11)
    others = [
        normal(8, Stream.SAMPLER, [5], (16,), step=11),
        normal(7, Stream.PRIOR, [5], (16,), step=11),
        normal(7, Stream.SAMPLER, [6], (16,), step=11),
        normal(7, Stream.SAMPLER, [5], (16,), step=12),
    ]
    assert all(not torch.isin(here, other).any() for other in others)


def test_neighbouring_blocks_do_not_overlap():
    """A long draw at one address shares no number with the next index or step."""
    size = (20000,)
    blocks = [uniform(0, Stream.PRIOR, [k], size, step=j) for k in (0, 1) for j in (0, 1)]
    assert torch.cat(blocks).unique().numel() == 4 * size[0]


def test_normal_is_normal_within_and_across_samples():
    within = normal(0, Stream.PRIOR, [0], (20000,))
    across = normal(0, Stream.PRIOR, range(2000), (1,))
    over_steps = torch.stack([normal(0, Stream.PRIOR, [0], (1,), step=k) for k in range(2000)])
    for noise in (within, across, over_steps):
        assert kolmogorov_smirnov(torch.special.ndtr(noise.double())) < 1.63


def test_uniform_is_uniform():
    assert kolmogorov_smirnov(uniform(0, Stream.TIME, range(2000))) < 1.63


def test_neighbours_are_uncorrelated():
    noise = normal(0, Stream.PRIOR, range(200), (500,)).double()
    lagged = (noise[1:] * noise[:-1]).mean() * math.sqrt(noise[1:].numel())
    assert abs(lagged) < 3


def test_shapes_and_dtypes():
    assert normal(0, Stream.PRIOR, [], (2, 3)).shape == (0, 2, 3)
    assert normal(0, Stream.PRIOR, [1], (2, 3)).dtype == torch.float32
    assert uniform(0, Stream.TIME, [1, 2]).shape == (2,)
    assert uniform(0, Stream.TIME, [1]).dtype == torch.float64


def test_largest_addresses_are_valid():
    top = 2**64 - 1
    assert 0 <= generator(top, Stream.LABEL, top, top).random() < 1
