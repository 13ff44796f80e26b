"""What every rule of guidance must do, over the whole registry; a rule added is tested here."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import RULES, AnyRule, Autoguided, Guided, Separate
from sfumato.guidance.rules import Pair, Projected, Rescaled, Rule, ZeroStar
from sfumato.oracle import GaussianMixture, MarkovChain, MixtureDenoiser, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import LinearKeep
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.sampling import SAMPLERS, KeyedNoise, Wiener, sample
from sfumato.sampling.tiles import Tiled
from tests.guidance.two_labels import TwoLabels

F64 = torch.float64
MIXTURE = GaussianMixture.build(torch.tensor([[-1.0, 0.0, 0.3], [1.0, 0.5, -0.2]]), stds=0.4)
NULL = {"label": MIXTURE.classes}
LABEL = torch.tensor([0, 1, 1, 0])
VARIANTS: list[Rule] = [
    *(kind() for kind in RULES.values()),
    Rescaled(share=1.0),
    Projected(along=1.0, most=0.1),
    ZeroStar(idle=0.1),
]
every_rule = pytest.mark.parametrize("rule", VARIANTS, ids=repr)
every_schedule = pytest.mark.parametrize(
    "schedule", [Linear(), Cosine(), VP(), VE()], ids=lambda s: s.kind
)


class Counted(Denoiser):
    """Remembers the sizes of the batches that it is asked about."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.process)
        self.inner = inner
        self.sizes: list[int] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond) -> Posterior:
        self.sizes.append(len(x_t))
        return self.inner(x_t, t, **cond)


def states(dtype=F64):
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(3), dtype=F64).to(dtype)


def exact(schedule):
    return Counted(MixtureDenoiser(MIXTURE, Gaussian(schedule)))


def worse(schedule):
    wide = GaussianMixture.build(MIXTURE.means, stds=0.6)
    return Counted(MixtureDenoiser(wide, Gaussian(schedule)))


@every_rule
@every_schedule
@pytest.mark.parametrize("t", [torch.tensor(0.4, dtype=F64), torch.full((4,), 0.4, dtype=F64)])
def test_where_it_does_not_act_it_is_the_denoiser_and_costs_as_much(rule, schedule, t):
    inner, other = exact(schedule), worse(schedule)
    plain = inner.inner(states(), t, label=LABEL).mean
    for guided in (
        Guided(inner, 1.0, NULL, rule=rule),
        Guided(inner, 3.0, NULL, interval=(0.5, 1.0), rule=rule),
        Separate(inner, {"label": 1.0}, NULL, rule=rule),
        Separate(inner, {"label": 3.0}, NULL, interval=(0.5, 1.0), rule=rule),
        Autoguided(inner, other, 1.0, rule=rule),
        Autoguided(inner, other, 3.0, interval=(0.5, 1.0), rule=rule),
    ):
        inner.sizes.clear()
        assert torch.equal(guided(states(), t, label=LABEL).mean, plain)
        assert inner.sizes == [4] and not other.sizes
    inner.sizes.clear()
    without = Guided(inner, 3.0, NULL, rule=rule)(states(), t).mean
    assert torch.equal(without, inner.inner(states(), t).mean) and inner.sizes == [4]


@every_rule
@every_schedule
def test_near_scale_one_it_is_near_the_denoiser(rule, schedule):
    t = torch.tensor(0.4, dtype=F64)
    plain = exact(schedule)(states(), t, label=LABEL).mean
    near = Guided(exact(schedule), 1 + 1e-9, NULL, rule=rule)(states(), t, label=LABEL).mean
    torch.testing.assert_close(near, plain, rtol=1e-6, atol=1e-6)


@every_rule
@every_schedule
def test_where_it_acts_it_moves_the_mean_for_the_price_of_one_more(rule, schedule):
    inner, other, t = exact(schedule), worse(schedule), torch.tensor(0.4, dtype=F64)
    plain = inner.inner(states(), t, label=LABEL).mean
    guided = Guided(inner, 3.0, NULL, rule=rule)(states(), t, label=LABEL).mean
    assert inner.sizes == [8] and not torch.allclose(guided, plain)
    inner.sizes.clear()
    guided = Autoguided(inner, other, 3.0, rule=rule)(states(), t, label=LABEL).mean
    assert (inner.sizes, other.sizes) == ([4], [4]) and not torch.allclose(guided, plain)


@every_rule
@every_schedule
def test_two_conditions_are_guided_at_once(rule, schedule):
    """Against the posteriors of the mixture given both labels, given one, and given none."""
    process, t = Gaussian(schedule), torch.full((4,), 0.4, dtype=F64)
    x_t = torch.randn(4, 2, generator=torch.Generator().manual_seed(6), dtype=F64)
    exact = TwoLabels(process)
    cond = {"row": torch.tensor([0, 1, 1, 0]), "column": torch.tensor([1, 0, 1, 0])}
    pair = 2 * exact.row + exact.column
    towards = exact.given(pair)(x_t, t, label=2 * cond["row"] + cond["column"]).mean
    for null, away in (
        ({"row": -1, "column": -1}, exact.given(pair)(x_t, t).mean),
        ({"row": -1}, exact.given(exact.column)(x_t, t, label=cond["column"]).mean),
        ({"column": -1, "other": 0}, exact.given(exact.row)(x_t, t, label=cond["row"]).mean),
    ):
        inner = Counted(exact)
        mean = Guided(inner, 3.0, null, rule=rule)(x_t, t, **cond).mean
        assert inner.sizes == [8]
        wanted = rule.combine(Pair(towards, away, x_t, t, process), 3.0)
        torch.testing.assert_close(mean, wanted, rtol=1e-10, atol=1e-12)
        mean = Autoguided(inner, inner, 3.0, rule=rule, null=null)(x_t, t, **cond).mean
        torch.testing.assert_close(mean, wanted, rtol=1e-10, atol=1e-12)


@every_rule
@every_schedule
def test_two_conditions_are_guided_one_by_one(rule, schedule):
    """Against the posteriors without the one and without the other, on one side of a scale of 1
    and on both; for each sample by itself, and not outside the interval."""
    process, times = Gaussian(schedule), torch.tensor([0.2, 0.4, 0.85, 0.7], dtype=F64)
    x_t = torch.randn(4, 2, generator=torch.Generator().manual_seed(6), dtype=F64)
    exact = TwoLabels(process)
    cond = {"row": torch.tensor([0, 1, 1, 0]), "column": torch.tensor([1, 0, 1, 0])}
    towards = exact(x_t, times, **cond).mean
    without_row = exact.given(exact.column)(x_t, times, label=cond["column"]).mean
    without_column = exact.given(exact.row)(x_t, times, label=cond["row"]).mean
    for scales, away, total in (
        ((3.0, 2.0), (2 * without_row + without_column) / 3, 4.0),
        ((0.0, 0.5), (2 * without_row + without_column) / 3, -0.5),
        ((2.0, 0.5), (2 * without_row + 2 * towards - without_column) / 3, 2.5),
        ((1.5, 0.5), (without_row + 2 * towards - without_column) / 2, 2.0),
    ):
        inner, named = Counted(exact), dict(zip(("row", "column"), scales, strict=True))
        separate = Separate(inner, named, {"row": -1, "column": -1}, (0.3, 1.0), rule)
        mean = separate(x_t, times, **cond).mean
        assert inner.sizes == [12]
        wanted = rule.combine(Pair(towards, away, x_t, times, process), total)
        torch.testing.assert_close(mean[1:], wanted[1:], rtol=1e-10, atol=1e-12)
        assert torch.equal(mean[0], towards[0])
        for k in range(4):
            own = {name: value[k : k + 1] for name, value in cond.items()}
            alone = separate(x_t[k : k + 1], times[k : k + 1], **own).mean
            torch.testing.assert_close(alone, mean[k : k + 1], rtol=1e-10, atol=1e-12)


@every_rule
@every_schedule
def test_outside_its_interval_a_sample_is_unguided_whatever_the_others_are(rule, schedule):
    times = torch.tensor([0.2, 0.4, 0.95, 0.7], dtype=F64)
    inside = torch.tensor([False, True, False, True])
    inner = exact(schedule)
    limited = Guided(inner, 3.0, NULL, interval=(0.3, 0.8), rule=rule)
    mean = limited(states(), times, label=LABEL).mean
    always = Guided(inner, 3.0, NULL, rule=rule)(states(), times, label=LABEL).mean
    torch.testing.assert_close(mean[inside], always[inside])
    plain = inner.inner(states(), times, label=LABEL).mean
    torch.testing.assert_close(mean[~inside], plain[~inside])


@every_rule
def test_what_it_says_does_not_depend_on_what_was_asked_before(rule):
    guided, t = Guided(exact(Linear()), 3.0, NULL, rule=rule), torch.tensor(0.97, dtype=F64)
    before, x_t = states(), states()
    first = guided(x_t, t, label=LABEL).mean
    guided(x_t + 1, torch.tensor(0.4, dtype=F64), label=LABEL)
    assert torch.equal(guided(x_t, t, label=LABEL).mean, first) and torch.equal(x_t, before)
    assert guided.process is guided.denoiser.process


@every_rule
@every_schedule
def test_one_time_is_that_time_for_each(rule, schedule):
    guided = Guided(exact(schedule), 3.0, NULL, rule=rule)
    for t in (0.4, 0.97, 1.0):
        one = torch.tensor(t, dtype=F64)
        x_t = guided.process.corrupt(torch.zeros(4, 3, dtype=F64), one, states())
        mean = guided(x_t, one, label=LABEL).mean
        assert mean.isfinite().all()
        torch.testing.assert_close(mean, guided(x_t, one.expand(4), label=LABEL).mean)


@every_rule
@every_schedule
def test_float32_states_lose_nothing_that_can_be_seen(rule, schedule):
    guided = Guided(exact(schedule), 3.0, NULL, rule=rule)
    times = torch.tensor([0.1, 0.4, 0.95, 0.7], dtype=F64)
    coarse = guided(states(torch.float32), times, label=LABEL).mean
    assert coarse.dtype == torch.float32
    fine = guided(states(), times, label=LABEL).mean
    torch.testing.assert_close(coarse.double(), fine, rtol=1e-4, atol=1e-4)


@every_rule
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_any_sampler_takes_it_in_tiles_too(rule, sampler):
    guided = Guided(MixtureDenoiser(MIXTURE, Gaussian(Linear())), 2.0, NULL, rule=rule)
    noise, cond = KeyedNoise(0, range(4)), {"label": LABEL}
    x0 = sample(guided, SAMPLERS[sampler](), noise, (3,), 12, cond)
    assert x0.isfinite().all()
    tiled = sample(Tiled(guided, 3), SAMPLERS[sampler](), noise, (3,), 12, cond)
    torch.testing.assert_close(tiled, x0, rtol=1e-4, atol=1e-4)


@every_rule
@every_schedule
def test_each_sample_is_guided_for_itself(rule, schedule):
    times = torch.tensor([0.2, 0.4, 0.95, 0.7], dtype=F64)
    for guided in (
        Guided(exact(schedule), 3.0, NULL, interval=(0.3, 1.0), rule=rule),
        Autoguided(exact(schedule), worse(schedule), 2.0, interval=(0.3, 1.0), rule=rule),
    ):
        together = guided(states(), times, label=LABEL).mean
        for k in range(4):
            alone = guided(states()[k : k + 1], times[k : k + 1], label=LABEL[k : k + 1]).mean
            torch.testing.assert_close(alone, together[k : k + 1], rtol=1e-10, atol=1e-12)


@every_rule
def test_sampling_with_it_ends_among_finite_numbers_in_both_precisions(rule):
    guided = Guided(MixtureDenoiser(MIXTURE, Gaussian(Linear())), 3.0, NULL, rule=rule)
    ends = [
        sample(guided, Wiener(), KeyedNoise(0, range(4), dtype=d), (3,), 12, {"label": LABEL})
        for d in (torch.float32, F64)
    ]
    assert ends[0].dtype == torch.float32 and ends[1].isfinite().all()
    torch.testing.assert_close(ends[0].double(), ends[1], rtol=0, atol=1e-3)


@every_rule
def test_tokens_take_the_rules_that_are_for_them(rule):
    process = Masking(LinearKeep(), 3)
    chain = SequenceDenoiser(MarkovChain.random(3, 4, seed=1), process)
    if rule.for_tokens:
        tokens = torch.full((2, 4), process.mask)
        logits = Autoguided(chain, chain, 2.0, rule=rule)(
            tokens, torch.tensor(1.0, dtype=F64)
        ).logits
        assert logits.shape == (2, 4, 3)
    else:
        with pytest.raises(SettingError, match="tokens"):
            Guided(chain, 2.0, NULL, rule=rule)


@every_rule
def test_spec_round_trip(rule):
    assert TypeAdapter(AnyRule).validate_json(rule.model_dump_json()) == rule


@pytest.mark.parametrize("name", RULES)
def test_registry_names_are_kinds_and_carry_a_summary(name):
    rule = RULES[name]()
    assert rule.kind == name  # type: ignore[attr-defined]
    assert 10 < len(rule.summary) < 80
    with pytest.raises(ValidationError):
        RULES[name](no_such_setting=1)
