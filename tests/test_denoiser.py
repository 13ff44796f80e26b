"""The waist: what a backbone sees, and what is made of its answer."""

import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import CosineKeep, LinearKeep
from sfumato.process.prediction import EDM, X0, Eps, Score, V, Velocity
from sfumato.process.schedule import VE, VP, Cosine, Linear

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE()]
PREDICTIONS = [X0(), Eps(), V(), Velocity(), Score(), EDM()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)


class Answer(nn.Module):
    """A backbone that knows the answer, and remembers the question."""

    def __init__(self, answer: Tensor | None = None) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor, level: Tensor, **cond: Tensor) -> Tensor:
        self.seen, self.level, self.cond = x, level, cond
        return torch.zeros_like(x) if self.answer is None else self.answer


def pair(dtype=F64):
    g = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, 5, generator=g, dtype=dtype)


T = torch.tensor([0.2, 0.5, 0.8, 0.95], dtype=F64)


@every_schedule
@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.kind)
def test_the_right_answer_is_solved_for_the_data(schedule, prediction):
    process = Gaussian(schedule)
    x0, eps = pair()
    backbone = Answer(prediction.target(schedule, T, x0, eps))
    mean = NetworkDenoiser(backbone, process, prediction)(process.corrupt(x0, T, eps), T).mean
    torch.testing.assert_close(mean, x0, rtol=1e-6, atol=1e-6)


@every_schedule
def test_the_backbone_sees_unit_variance(schedule):
    """The variance of its input is a quadratic form in (data, noise): read off basis vectors."""
    process, sigma_data = Gaussian(schedule), 0.3
    backbone = Answer()
    denoiser = NetworkDenoiser(backbone, process, EDM(sigma_data=sigma_data), sigma_data)
    for t in T:
        x0, eps = torch.tensor([[sigma_data], [0.0]]), torch.tensor([[0.0], [1.0]])
        denoiser(process.corrupt(x0, t, eps), t)
        assert backbone.seen.square().sum().item() == pytest.approx(1, rel=1e-5)


def test_the_level_is_a_quarter_of_the_log_noise_level():
    """EDM's c_noise = log(sigma) / 4 (Karras et al. 2022, table 1), where sigma = t here."""
    backbone, t = Answer(), torch.tensor([0.02, 0.5, 1.0], dtype=F64)
    NetworkDenoiser(backbone, Gaussian(VE(sigma_max=1.0, rho=1)), EDM())(torch.zeros(3, 2), t)
    torch.testing.assert_close(backbone.level, torch.tensor([0.02, 0.5, 1.0]).log() / 4)


@every_schedule
def test_the_level_is_finite_to_the_end(schedule):
    backbone = Answer()
    denoiser = NetworkDenoiser(backbone, Gaussian(schedule), EDM())
    mean = denoiser(torch.ones(2, 3), torch.ones((), dtype=F64)).mean
    assert backbone.level.shape == (2,)
    assert backbone.level.isfinite().all() and mean.isfinite().all()


def test_one_time_for_all_is_the_same_as_one_each():
    net = nn.Linear(3, 3)
    backbone = Answer()
    backbone.forward = lambda x, level: net(x) * level[:, None]  # type: ignore[method-assign]
    denoiser = NetworkDenoiser(backbone, Gaussian(Linear()), V())
    x_t, t = torch.randn(4, 3), torch.tensor(0.3, dtype=F64)
    torch.testing.assert_close(denoiser(x_t, t).mean, denoiser(x_t, t.expand(4)).mean)


def test_conditions_reach_the_backbone():
    backbone, label = Answer(), torch.tensor([1, 2])
    NetworkDenoiser(backbone, Gaussian(Linear()), V())(torch.zeros(2, 3), T[:2], label=label)
    assert backbone.cond == {"label": label}


def test_a_coarse_answer_is_combined_at_the_state_s_precision():
    """Half-precision output may not drag the state's part of the mean down with it."""
    x0, eps = pair(torch.float32)
    process, t = Gaussian(Linear()), torch.tensor(0.001, dtype=F64)
    x_t = process.corrupt(x0, t, eps)
    backbone = Answer(torch.zeros_like(x_t, dtype=torch.bfloat16))
    mean = NetworkDenoiser(backbone, process, Velocity())(x_t, t).mean
    assert mean.dtype == torch.float32 and torch.equal(mean, x_t)


class Letters(nn.Module):
    """A backbone on tokens that always says the same, and remembers the question."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, tokens: Tensor, level: Tensor, **cond: Tensor) -> Tensor:
        self.seen, self.level, self.cond = tokens, level, cond
        return self.logits.expand(*tokens.shape, -1)


class TestTokens:
    LOGITS = torch.tensor([0.3, -2.0, 1.5])
    X_T = torch.tensor([[3, 0, 2], [1, 3, 3]])

    def test_tokens_that_can_be_seen_are_known(self):
        denoiser = TokenDenoiser(Letters(self.LOGITS), Masking(LinearKeep(), 3))
        logits = denoiser(self.X_T, T[:2]).logits
        masked = self.X_T == 3
        assert torch.equal(logits[masked], self.LOGITS.expand(3, 3))
        for row, place in (~masked).nonzero().tolist():
            sure = torch.full((3,), -1e9)
            sure[self.X_T[row, place]] = 0
            assert torch.equal(logits[row, place], sure)

    def test_even_when_the_network_s_answer_is_no_number(self):
        denoiser = TokenDenoiser(Letters(self.LOGITS * torch.nan), Masking(LinearKeep(), 3))
        known = denoiser(torch.tensor([[0, 1, 2]]), T[0]).logits
        assert known.isfinite().all()

    def test_what_the_network_says_is_there_for_training(self):
        """At known places too: the bound asks only about hidden ones, and does so itself."""
        denoiser = TokenDenoiser(Letters(self.LOGITS), Masking(LinearKeep(), 3))
        assert torch.equal(denoiser.predict(self.X_T, T[:2]), self.LOGITS.expand(2, 3, 3))

    def test_under_a_uniform_process_nothing_is_known(self):
        denoiser = TokenDenoiser(Letters(self.LOGITS), Uniform(LinearKeep(), 3))
        logits = denoiser(torch.tensor([[0, 1, 2]]), T[0]).logits
        assert torch.equal(logits, self.LOGITS.expand(1, 3, 3))

    @pytest.mark.parametrize("process", [Masking, Uniform])
    def test_the_level_goes_from_one_where_clean_to_minus_one(self, process):
        backbone = Letters(self.LOGITS)
        denoiser = TokenDenoiser(backbone, process(CosineKeep(), 3))
        t = torch.tensor([0.0, 1 / 3, 1.0], dtype=F64)
        denoiser(torch.zeros(3, 2, dtype=torch.int64), t)
        torch.testing.assert_close(backbone.level, torch.tensor([1.0, 0.0, -1.0]))
        denoiser(torch.zeros(3, 2, dtype=torch.int64), t[1])
        torch.testing.assert_close(backbone.level, torch.zeros(3))

    def test_conditions_reach_the_backbone_and_logits_are_float32(self):
        backbone, label = Letters(self.LOGITS.bfloat16()), torch.tensor([1, 2])
        denoiser = TokenDenoiser(backbone, Masking(LinearKeep(), 3))
        assert denoiser(self.X_T, T[:2], label=label).logits.dtype == torch.float32
        assert backbone.cond == {"label": label}
        assert torch.equal(backbone.seen, self.X_T)
