"""Two sets of conditions in one sample, where both posteriors and their blends are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import BLEND, Blended, Guided, Separate, second
from sfumato.oracle import GaussianMixture, MarkovChain, MixtureDenoiser, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import LinearKeep
from sfumato.process.prediction import EDM
from sfumato.process.schedule import VP, Linear
from sfumato.sampling import KeyedNoise, Wiener, sample
from sfumato.sampling.tiles import Tiled

F64 = torch.float64
PROCESS = Gaussian(Linear())
MIXTURE = GaussianMixture.build(torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), stds=0.4)
LABEL, OTHER = torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0])
T = torch.tensor(0.5, dtype=F64)
X_T = torch.randn(3, 2, dtype=F64, generator=torch.Generator().manual_seed(4))


class Counted(Denoiser):
    """Passes calls on and remembers their labels."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.process)
        self.inner = inner
        self.labels: list[list[int]] = []

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Posterior:
        self.labels.append(label.tolist())
        posterior: Posterior = self.inner(x_t, t, label=label)
        return posterior


@pytest.fixture
def counted() -> Counted:
    return Counted(MixtureDenoiser(MIXTURE, PROCESS))


def both(weights: Tensor) -> dict[str, Tensor]:
    return {"label": LABEL, second("label"): OTHER, BLEND: weights}


def means(denoiser: Denoiser) -> tuple[Tensor, Tensor]:
    return denoiser(X_T, T, label=LABEL).mean, denoiser(X_T, T, label=OTHER).mean


def test_the_mean_is_the_weighted_one(counted):
    weights = torch.tensor([0.3, 0.0, 1.0])
    mean = Blended(counted, ["label"])(X_T, T, **both(weights)).mean
    assert counted.labels == [LABEL.tolist(), OTHER.tolist()]
    first, other = means(counted.inner)
    torch.testing.assert_close(mean[0], 0.7 * first[0] + 0.3 * other[0])
    assert torch.equal(mean[1], first[1]) and torch.equal(mean[2], other[2])


@pytest.mark.parametrize("weight", [0, 1])
def test_all_of_one_set_is_that_set_at_its_price(counted, weight):
    mean = Blended(counted, ["label"])(X_T, T, **both(torch.full((3,), float(weight)))).mean
    assert counted.labels == [(LABEL, OTHER)[weight].tolist()]
    assert torch.equal(mean, means(counted.inner)[weight])


def test_without_weights_it_is_the_denoiser(counted):
    mean = Blended(counted, ["label", "words"])(X_T, T, label=LABEL).mean
    assert counted.labels == [LABEL.tolist()] and torch.equal(mean, means(counted.inner)[0])


def test_both_sets_are_guided(counted):
    null = {"label": MIXTURE.classes}
    for guided in (Guided(counted, 3.0, null), Separate(counted, {"label": 3.0}, null)):
        mean = Blended(guided, ["label"])(X_T, T, **both(torch.full((3,), 0.25))).mean
        first, other = means(guided)
        torch.testing.assert_close(mean, 0.75 * first + 0.25 * other)


def test_conditions_without_a_second_value_are_shared():
    """One name of several; a time for each sample."""

    class Shares(Denoiser):
        def forward(self, x_t: Tensor, t: Tensor, a: Tensor, b: Tensor) -> Posterior:
            return Posterior(x_t * 0 + (a + t)[:, None] * b)

    a, b = torch.arange(3.0), torch.ones(3, 2)
    times = torch.tensor([0.2, 0.5, 0.9], dtype=F64)
    cond = {"a": a, "b": b, second("b"): 3 * b, BLEND: torch.full((3,), 0.5)}
    mean = Blended(Shares(PROCESS), ["a", "b"])(X_T, times, **cond).mean
    torch.testing.assert_close(mean, 2 * (a + times)[:, None] * b.double())


# Sounds of four samples whose halves are independent given the label, and several ways of each.
LEFT = torch.tensor([[[-1.0, 0.2], [-0.4, 0.9]], [[0.7, -0.3], [1.2, 0.4]]], dtype=F64)
RIGHT = torch.tensor([[[0.3, 0.8], [0.5, -1.0]], [[-0.6, 0.1], [-1.1, -0.5]]], dtype=F64)


def halves(left: int, right: int) -> GaussianMixture:
    """The left half as under one label, the right as under another, independent of each other."""
    pairs = [torch.cat([a, b]) for a in LEFT[left] for b in RIGHT[right]]
    weights = torch.tensor([0.3 * 0.6, 0.3 * 0.4, 0.7 * 0.6, 0.7 * 0.4], dtype=F64)
    return GaussianMixture.build(torch.stack(pairs), stds=0.3, weights=weights)


class Halves(Denoiser):
    """The exact denoiser under a label for both halves, which may be other in each sample."""

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Posterior:
        each = [MixtureDenoiser(halves(k, k), self.process)(x_t, t).mean for k in range(2)]
        return Posterior(torch.where(label[:, None, None] == 0, each[0], each[1]))


@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
def test_independent_regions_are_blended_exactly(schedule):
    """Each half has the law of its own condition: those of the exact denoiser of that product."""
    process = Gaussian(schedule)
    zeros = torch.zeros(64, dtype=torch.int64)
    right = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(64, 1, 4)
    blended = Blended(Halves(process), ["label"])
    cond = {"label": zeros, second("label"): zeros + 1, BLEND: right}
    exact = MixtureDenoiser(halves(0, 1), process)
    x_t = torch.randn(64, 1, 4, dtype=F64, generator=torch.Generator().manual_seed(3))
    for t in torch.tensor([0.05, 0.4, 0.95], dtype=F64):
        torch.testing.assert_close(blended(x_t, t, **cond).mean, exact(x_t, t).mean)

    def ends(denoiser: Denoiser, **cond: Tensor) -> Tensor:
        noise = KeyedNoise(0, range(64), dtype=F64)
        return sample(denoiser, Wiener(), noise, (1, 4), 12, cond)

    x0 = ends(blended, **cond)
    torch.testing.assert_close(x0, ends(exact), rtol=0, atol=1e-9)
    alone = [ends(Halves(process), label=zeros + k) for k in range(2)]
    torch.testing.assert_close(x0[..., :2], alone[0][..., :2], rtol=0, atol=1e-9)
    torch.testing.assert_close(x0[..., 2:], alone[1][..., 2:], rtol=0, atol=1e-9)


class Network(nn.Module):
    """A network whose last bits depend on the size of the batch, as those of matrices do."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.label = nn.Embedding(2, 64)
            self.layers = nn.Sequential(nn.Linear(64, 257), nn.SiLU(), nn.Linear(257, 64))

    def forward(self, x: Tensor, level: Tensor, label: Tensor) -> Tensor:
        y: Tensor = self.layers(x + self.label(label) + level[:, None])
        return y


def test_a_sample_does_not_depend_on_the_weights_of_the_others():
    """In tiles, with empty places: a call is left out here and there, and no bit changes."""
    blended = Blended(NetworkDenoiser(Network(), PROCESS, EDM()), ["label"])
    weights = torch.tensor([1.0, 0.3, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    label = torch.tensor([0, 1] * 4)
    cond = {"label": label, second("label"): 1 - label, BLEND: weights}

    def ends(denoiser: Denoiser, indices: range) -> Tensor:
        own = {name: value[indices.start : indices.stop] for name, value in cond.items()}
        tiled = Tiled(denoiser, 3, first=indices.start)
        return sample(tiled, Wiener(), KeyedNoise(0, indices), (64,), 5, own)

    together = ends(blended, range(8))
    for k in range(8):
        assert torch.equal(ends(blended, range(k, k + 1))[0], together[k])
    plain = Tiled(blended.denoiser, 3)
    for key, weight in (("label", 0.0), (second("label"), 1.0)):
        x0 = sample(plain, Wiener(), KeyedNoise(0, range(8)), (64,), 5, {"label": cond[key]})
        assert torch.equal(x0[weights == weight], together[weights == weight])


@pytest.mark.parametrize(
    "missing", [["label"], [second("label")], [BLEND], ["label", BLEND], ["label", second("label")]]
)
def test_half_a_blend_is_refused(counted, missing):
    cond = {k: value for k, value in both(torch.ones(3)).items() if k not in missing}
    with pytest.raises(SettingError, match="two sets of conditions"):
        Blended(counted, ["label"])(X_T, T, **cond)
    assert not counted.labels


@pytest.mark.parametrize("shape", [(3, 2), (3, 1, 5), (3, 2, 4), (3, 1)])
def test_weights_of_another_shape_are_refused(counted, shape):
    x_t = torch.zeros(3, 2, 4, dtype=F64)
    with pytest.raises(SettingError, match="weights of a blend") as refused:
        Blended(counted, ["label"])(x_t, T, **both(torch.ones(shape)))
    assert "(3,) or (3, 1, 4)" in str(refused.value)


def test_tokens_are_refused():
    process = Masking(LinearKeep(), 3)
    chain = SequenceDenoiser(MarkovChain.random(3, 4, seed=1), process)
    with pytest.raises(SettingError, match="tokens"):
        Blended(chain, ["label"])  # type: ignore[arg-type]
