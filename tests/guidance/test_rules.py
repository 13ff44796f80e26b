"""Each rule against what its source says of it."""

import torch

from sfumato.guidance import Guided
from sfumato.guidance.rules import Line, Pair, Projected, Rescaled, ZeroStar
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VP, Linear

F64 = torch.float64
G = torch.Generator().manual_seed(5)


def pair(process=None, t=0.6, shape=(3, 2, 4)):
    towards, away, x_t = (torch.randn(*shape, generator=G, dtype=F64) for _ in range(3))
    process = process or Gaussian(Linear())
    return Pair(towards, away, x_t, torch.full((shape[0],), t, dtype=F64), process)


def per_sample(x):
    return x.flatten(1)


def test_rescaled_in_full_has_the_contrast_of_the_unguided_mean():
    told = pair()
    guided = Rescaled(share=1.0).combine(told, 5.0)
    torch.testing.assert_close(
        per_sample(guided).std(1, correction=0), per_sample(told.towards).std(1, correction=0)
    )
    line = Line().combine(told, 5.0)
    cosine = torch.cosine_similarity(per_sample(guided), per_sample(line))
    torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_rescaled_by_nothing_is_the_line():
    told = pair()
    torch.testing.assert_close(Rescaled(share=0.0).combine(told, 5.0), Line().combine(told, 5.0))


def test_projected_moves_across_the_mean_alone():
    told = pair()
    moved = Projected().combine(told, 4.0) - told.towards
    inner = (per_sample(moved) * per_sample(told.towards)).sum(1)
    torch.testing.assert_close(inner, torch.zeros_like(inner), rtol=0, atol=1e-12)
    assert moved.abs().max() > 0.1


def test_projected_with_all_of_the_parallel_part_is_the_line():
    told = pair()
    full = Projected(along=1.0).combine(told, 4.0)
    torch.testing.assert_close(full, Line().combine(told, 4.0))


def test_projected_caps_the_difference():
    told = pair()
    moved = Projected(along=1.0, most=0.01).combine(told, 4.0) - told.towards
    size = per_sample(moved).square().mean(1).sqrt()
    torch.testing.assert_close(size, torch.full_like(size, 3 * 0.01))


def test_zero_star_is_the_line_where_the_two_velocities_match_already():
    """With velocities of equal length along one line the nearest multiple is found exactly."""
    told = pair()
    z = told.x_t
    parallel = Pair(told.towards, z - 0.5 * (z - told.towards), z, told.t, told.process)
    # Away's velocity is half of towards': scaled to it, nothing is left to be guided by.
    torch.testing.assert_close(ZeroStar().combine(parallel, 7.0), told.towards)


def test_zero_star_is_the_same_on_every_path():
    """The straight path is one change of scale away from any other."""
    straight, bent = Gaussian(Linear()), Gaussian(VP())
    t_bent = torch.full((3,), 0.35, dtype=F64)
    log_snr = bent.schedule.log_snr(t_bent)
    t_straight = straight.schedule.time(log_snr)
    told = pair(straight)
    alpha_s, sigma_s = straight.schedule.coefficients(t_straight)
    alpha_b, _ = bent.schedule.coefficients(t_bent)
    x0_like = told.x_t / alpha_s[:, None, None]
    on_straight = Pair(told.towards, told.away, told.x_t, t_straight, straight)
    on_bent = Pair(told.towards, told.away, x0_like * alpha_b[:, None, None], t_bent, bent)
    torch.testing.assert_close(
        ZeroStar().combine(on_straight, 3.0), ZeroStar().combine(on_bent, 3.0)
    )
    assert (sigma_s > 0).all()


def test_zero_star_takes_the_nearest_multiple():
    """Against a least-squares solver, on velocities made without the rule's own shortcut."""
    told = pair()
    velocities = [(told.x_t - mean) / 0.6 for mean in (told.towards, told.away)]
    want = []
    for towards, away in zip(*map(per_sample, velocities), strict=True):
        multiple = torch.linalg.lstsq(away[:, None], towards[:, None]).solution.item()
        want.append(multiple * away + 3 * (towards - multiple * away))
    mean = told.x_t - 0.6 * torch.stack(want).reshape(told.x_t.shape)
    torch.testing.assert_close(ZeroStar().combine(told, 3.0), mean)


def test_an_idle_state_stands_still_and_nobody_is_asked():
    """A step of the ODE leaves it where it is, on the path that needs no change of scale."""
    process = Gaussian(Linear())
    exact = MixtureDenoiser(GaussianMixture.build(torch.eye(2), stds=0.1), process)
    asked = []
    exact.register_forward_pre_hook(lambda module, args: asked.append(args))
    guided = Guided(exact, 3.0, {"label": 2}, rule=ZeroStar(idle=0.1))
    x_t = torch.randn(3, 2, generator=G, dtype=F64)
    t, s = torch.tensor([0.95, 0.91], dtype=F64)
    mean = guided(x_t, t, label=torch.tensor([0, 1, 1])).mean
    assert not asked
    torch.testing.assert_close(process.bridge(x_t, mean, t, s, eta=0.0).mean, x_t)


def test_idling_is_at_the_beginning():
    t = torch.tensor([1.0, 0.95, 0.89, 0.1], dtype=F64)
    assert ZeroStar(idle=0.1).idles(t).tolist() == [True, True, False, False]
    assert not Line().idles(t).any()
