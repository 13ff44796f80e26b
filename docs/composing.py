"""A diffusion model composed from its parts, on data whose truth is known.

    python docs/composing.py

trains a small network on a two-armed spiral, on one CPU thread, compares it with the exact denoiser
of the same spiral, and paints two pictures into ``docs/pictures``: about a minute in all.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from painting import paint_flow, paint_panels
from torch import Tensor, nn

from sfumato.denoiser import NetworkDenoiser
from sfumato.guidance import Guided
from sfumato.objective import Regression, Unit, drop_labels
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import EDM
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Linear
from sfumato.process.times import LogNormal
from sfumato.sampling import Adams, KeyedNoise, sample, trajectory

PICTURES = Path(__file__).parent / "pictures"
ARMS, BEADS, BATCH, STEPS = 2, 64, 1024, 3000


def spiral() -> GaussianMixture:
    """Two arms of round beads; an arm is a class."""
    turn = torch.linspace(0, 1, BEADS, dtype=torch.float64).pow(0.6)
    angle = 2.6 * math.pi * turn + math.pi * torch.arange(ARMS)[:, None]
    radius = 0.2 + 0.9 * turn
    means = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
    labels = torch.arange(ARMS).repeat_interleave(BEADS)
    return GaussianMixture.build(means.reshape(-1, 2), stds=0.04, labels=labels)


def draw(data: GaussianMixture, step: int) -> tuple[Tensor, Tensor]:
    """A batch of points and their arms: a pure function of the step."""
    u = uniform(0, Stream.LABEL, [step], (BATCH,))[0]
    points = data.sample(u, normal(0, Stream.PRIOR, [step], (BATCH, 2))[0])
    return points.float(), data.labels[(u * len(data.labels)).long()]


class Mlp(nn.Module):
    """A backbone is any module ``backbone(x, level, **cond) -> y``."""

    def __init__(self, classes: int, width: int = 128) -> None:
        super().__init__()
        self.waves = nn.Parameter(torch.randn(3, 48) * 2)
        self.label = nn.Embedding(classes + 1, width)  # one more for "no label"
        self.inward = nn.Linear(99, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.outward = nn.Linear(width, 2)

    def forward(self, x: Tensor, level: Tensor, label: Tensor) -> Tensor:
        """Points (B, 2), noise levels (B,) and labels (B,) to (B, 2)."""
        place = torch.cat([x, level[:, None]], 1)
        waves = place @ self.waves
        h = self.inward(torch.cat([place, waves.sin(), waves.cos()], 1)) + self.label(label)
        for layer in self.hidden:
            h = h + layer(nn.functional.silu(h))
        y: Tensor = self.outward(nn.functional.silu(h))
        return y


def train(data: GaussianMixture) -> NetworkDenoiser:
    """Compose the parts and train them with plain torch."""
    torch.manual_seed(0)
    process, times, objective = Gaussian(Linear()), LogNormal(), Regression(Unit())
    denoiser = NetworkDenoiser(Mlp(data.classes), process, EDM(sigma_data=0.5), sigma_data=0.5)
    optimizer = torch.optim.AdamW(denoiser.parameters(), lr=2e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        x0, label = draw(data, step)
        noise = normal(0, Stream.TRAINING_NOISE, [step], x0.shape)[0]
        t = times.draw(process.schedule, 0, step, range(BATCH), BATCH)
        hidden = uniform(0, Stream.LABEL_DROP, [step], (BATCH,))[0]
        label = drop_labels(label, hidden, rate=0.2, null=data.classes)
        loss = objective(denoiser, x0, t, noise, label=label).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        decay.step()
        if step % 500 == 499:
            print(f"step {step + 1}  loss {loss.item():.4f}")
    return denoiser.eval()


@torch.no_grad()
def compare(denoiser: NetworkDenoiser, data: GaussianMixture) -> None:
    """How far the network is from the truth, at some noise levels."""
    exact = MixtureDenoiser(data, denoiser.process)
    x0, label = draw(data, STEPS)
    noise = normal(1, Stream.TRAINING_NOISE, [0], x0.shape)[0]
    for level in (0.05, 0.2, 0.5, 2.0):
        t = denoiser.process.schedule.time(torch.tensor(-2 * math.log(level)).double())
        x_t = denoiser.process.corrupt(x0, t, noise)
        learnt, truth = (f(x_t, t, label=label).mean for f in (denoiser, exact))
        apart = (learnt - truth).square().mean().sqrt()
        spread = (truth - x0).square().mean().sqrt()
        print(
            f"noise {level:4.2f}: mean off by {apart:.4f}; the exact mean is off x0 by {spread:.4f}"
        )


def main() -> None:
    """Train, compare, paint."""
    torch.set_num_threads(1)
    data = spiral()
    denoiser = train(data)
    compare(denoiser, data)

    count = 6000
    noise = KeyedNoise(seed=0, indices=range(count))
    label = torch.arange(count) % data.classes
    states = list(trajectory(denoiser, Adams(), noise, (2,), evaluations=40, cond={"label": label}))
    paint_flow(states, denoiser.process.schedule, label, PICTURES / "flow.png")

    exact = MixtureDenoiser(data, denoiser.process)
    first_arm = {"label": torch.zeros(count, dtype=torch.int64)}
    panels = []
    for scale in (0.0, 1.0, 3.0):
        guided = Guided(exact, scale, null={"label": data.classes})
        panels.append(sample(guided, Adams(), noise, (2,), evaluations=60, cond=first_arm))
    paint_panels(panels, PICTURES / "guidance.png")


if __name__ == "__main__":
    main()
