"""Guidance by each condition, against the densities that it multiplies."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import IMPOSSIBLE, Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import RULES, Guided, Line, Projected, Rule, Separate
from sfumato.guidance.rules import Pair
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import LinearKeep
from sfumato.process.prediction import Score
from sfumato.process.schedule import VP, Linear
from sfumato.sampling import KeyedNoise, Wiener, sample
from sfumato.sampling.tiles import Tiled
from tests.guidance.two_labels import TwoLabels

F64 = torch.float64
EXACT = TwoLabels(Gaussian(Linear()))
NULL = {"row": -1, "column": -1}
ROW, COLUMN = torch.tensor([0, 1, 1, 0]), torch.tensor([1, 0, 1, 0])
COND = {"row": ROW, "column": COLUMN}
X_T = torch.randn(4, 2, dtype=F64, generator=torch.Generator().manual_seed(8))
T = torch.tensor(0.4, dtype=F64)
PLAIN = EXACT(X_T, T, **COND).mean
# The last two cancel: the scales are as much above 1 as below.
SCALES = [(3.0, 2.0), (1.5, 4.0), (0.5, 0.0), (3.0, 0.5), (1.5, 0.0), (2.0, 0.0), (0.0, 2.0)]
every_rule = pytest.mark.parametrize(
    "rule", [*(kind() for kind in RULES.values()), Projected(along=1.0, most=0.1)], ids=repr
)


class Counted(Denoiser):
    """Passes calls on and remembers the size of their batches."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.process)
        self.inner = inner
        self.sizes: list[int] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond: Tensor) -> Posterior:
        self.sizes.append(len(x_t))
        posterior: Posterior = self.inner(x_t, t, **cond)
        return posterior


def two(scales: tuple[float, float]) -> dict[str, float]:
    return dict(zip(("row", "column"), scales, strict=True))


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
def test_it_is_the_score_of_the_product_of_powers(scales, schedule):
    """The mean of the density of the point times the powers of the labels' posteriors."""
    exact, x_t = TwoLabels(Gaussian(schedule)), X_T.clone().requires_grad_()
    joint = exact.log_joint(x_t, T)
    each = torch.arange(4)
    row_given_column = joint.log_softmax(1)[each, ROW, COLUMN]
    column_given_row = joint.log_softmax(2)[each, ROW, COLUMN]
    log_density = (
        joint[each, ROW, COLUMN]
        + (scales[0] - 1) * row_given_column
        + (scales[1] - 1) * column_given_row
    )
    (score,) = torch.autograd.grad(log_density.sum(), x_t)
    c_skip, c_out = Score().to_x0(schedule, T)
    mean = Separate(exact, two(scales), NULL)(X_T, T, **COND).mean
    torch.testing.assert_close(mean, c_skip * X_T + c_out * score, rtol=1e-10, atol=1e-10)


@every_rule
@pytest.mark.parametrize("scale", [0.0, 0.1, 0.7, 3.3, 7.5])
def test_with_one_condition_it_is_guided_to_the_bit(rule, scale):
    for scales, null in (
        ({"row": scale}, NULL),
        ({"row": scale, "column": 1.0}, NULL),
        ({"row": scale, "other": 3.0}, {**NULL, "other": 0}),
    ):
        inner = Counted(EXACT)
        mean = Separate(inner, scales, null, rule=rule)(X_T, T, **COND).mean
        assert torch.equal(mean, Guided(EXACT, scale, {"row": -1}, rule=rule)(X_T, T, **COND).mean)
        assert inner.sizes == [8]


def test_a_call_has_rows_for_each_condition_whose_scale_is_not_one():
    for scales, size in (({}, 4), (two((1, 1)), 4), (two((1, 2)), 8), (two((3, 2)), 12)):
        inner = Counted(EXACT)
        mean = Separate(inner, scales, NULL)(X_T, T, **COND).mean
        assert inner.sizes == [size] and torch.equal(mean, PLAIN) == (size == 4)


def test_conditions_that_are_absent_are_ignored():
    mixture = GaussianMixture.build(EXACT.means, stds=0.4)
    inner, label = Counted(MixtureDenoiser(mixture, EXACT.process)), torch.tensor([0, 3, 1, 2])
    separate = Separate(inner, {"label": 3.0, "words": 0.5}, {"label": 5, "words": 0.0})
    guided = Guided(inner, 3.0, {"label": 5})
    assert torch.equal(separate(X_T, T, label=label).mean, guided(X_T, T, label=label).mean)
    inner.sizes.clear()
    assert torch.equal(separate(X_T, T).mean, inner.inner(X_T, T).mean) and inner.sizes == [4]


def test_a_tensor_as_null_is_what_the_line_leads_away_from():
    """The other row is a negative prompt: its posterior, with the same column, takes the place."""
    negative = torch.tensor(1)
    row = torch.zeros_like(ROW)
    separate = Separate(EXACT, two((3.0, 2.0)), {"row": negative, "column": -1})
    towards = EXACT(X_T, T, row=row, column=COLUMN).mean
    other = EXACT(X_T, T, row=row + 1, column=COLUMN).mean
    without = EXACT(X_T, T, row=row, column=torch.full_like(COLUMN, -1)).mean
    wanted = towards + 2 * (towards - other) + (towards - without)
    torch.testing.assert_close(separate(X_T, T, row=row, column=COLUMN).mean, wanted)


@every_rule
@pytest.mark.parametrize("scales", SCALES)
def test_a_rule_gets_a_second_posterior_that_gives_the_line(rule, scales):
    total = Separate(EXACT, two(scales), NULL).scale_under(COND)
    line = Separate(EXACT, two(scales), NULL)(X_T, T, **COND).mean
    away = PLAIN - (line - PLAIN) / (total - 1)
    wanted = rule.combine(Pair(PLAIN, away, X_T, T.expand(4), EXACT.process), total)
    mean = Separate(EXACT, two(scales), NULL, rule=rule)(X_T, T, **COND).mean
    torch.testing.assert_close(mean, wanted, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(mean, PLAIN)


@pytest.mark.parametrize("scales", SCALES)
def test_the_total_scale_is_as_far_from_one_as_all_together(scales):
    apart = [scale - 1 for scale in scales]
    total = Separate(EXACT, two(scales), NULL).scale_under(COND)
    assert abs(total - 1) == pytest.approx(sum(map(abs, apart)))
    if sum(apart):
        assert math.copysign(1, total - 1) == math.copysign(1, sum(apart))


def test_the_second_posterior_is_the_mean_of_those_without_one():
    """On one side of 1 it is between them, each by its share."""
    separate = Separate(EXACT, two((3.0, 1.5)), NULL)
    unknown = torch.full((4,), -1)
    _, away = separate.posteriors(X_T, T.expand(4), Conditions(COND))
    without = [
        EXACT(X_T, T, row=unknown, column=COLUMN).mean,
        EXACT(X_T, T, row=ROW, column=unknown).mean,
    ]
    torch.testing.assert_close(away, 0.8 * without[0] + 0.2 * without[1])


def test_the_order_of_the_scales_has_no_effect():
    scales = {"row": 3.3, "column": 0.7}
    backwards = dict(reversed(scales.items()))
    means = [Separate(EXACT, s, NULL)(X_T, T, **COND).mean for s in (scales, backwards)]
    assert torch.equal(*means)


@every_rule
def test_a_sample_does_not_depend_on_its_batch(rule: Rule):
    separate = Separate(EXACT, two((3.0, 0.5)), NULL, (0.1, 0.9), rule)
    whole = sample(Tiled(separate, 3), Wiener(), KeyedNoise(0, range(4)), (2,), 9, COND)
    for k in range(4):
        own = {name: value[k : k + 1] for name, value in COND.items()}
        noise = KeyedNoise(0, range(k, k + 1))
        alone = sample(Tiled(separate, 3, first=k), Wiener(), noise, (2,), 9, own)
        assert torch.equal(alone[0], whole[k])


def test_impossible_tokens_stay_impossible():
    """Float32 has no room for rounding errors of -1e9."""

    class Tokens(Denoiser):
        def forward(self, x_t: Tensor, t: Tensor, a: Tensor, b: Tensor) -> Posterior:
            possible = (a + 2 * b).float()[:, None, None].expand(-1, 3, 1)
            return Posterior(torch.cat([possible, torch.full_like(possible, IMPOSSIBLE)], 2))

    tokens = Tokens(Masking(LinearKeep(), 2))
    separate = Separate(tokens, {"a": 1.7, "b": 2.1}, {"a": 0, "b": 0})
    ones = torch.ones(2)
    logits = separate(torch.full((2, 3), 2), T, a=ones, b=ones).logits
    assert (logits[..., 1] == IMPOSSIBLE).all()
    torch.testing.assert_close(logits[..., 0], torch.full((2, 3), 3 + 0.7 * 1 + 1.1 * 2))


def test_a_scale_without_a_null_value_is_refused():
    with pytest.raises(SettingError, match="'rows'") as refused:
        Separate(EXACT, {"rows": 2.0}, NULL)
    assert "did you mean 'row'" in str(refused.value)
    with pytest.raises(SettingError, match="'row'"):
        Separate(EXACT, {"row": 2.0}, {})
    with pytest.raises(SettingError, match="interval"):
        Separate(EXACT, {"row": 2.0}, NULL, (0.7, 0.3), Line())
