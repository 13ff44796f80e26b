"""Do restored digits show what their observations leave open, no more and no less?

    sfumato train mnist5k --minutes 12 --name digits
    python benchmarks/digits_restoration.py digits [--items 40] [--samples 19] [--method quick]

Held-out digits are observed (the centre is cut out, or only means of 4 x 4 pixels are known) and
restored. A small network that was trained on real digits reads the label off every restoration.

A sample of the exact posterior agrees with the truth as often as sum_l p(l | y)^2, averaged over
observations. A network that was trained on observations themselves estimates p(l | y), so that this
is known: it is printed beside the agreement of restorations, with the accuracy of the best guess.
With 19 samples the interval from the least to the greatest contains the truth in exactly 90 % of
the cases if the samples are those of the posterior. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from digits_accuracy import classifier, fit, read
from torch import Tensor, nn

import sfumato
from sfumato.evaluation.of import view_of
from sfumato.evaluation.restoration.course import Course
from sfumato.evaluation.restoration.outcome import Outcomes
from sfumato.evaluation.restoration.trial import Trial
from sfumato.evaluation.restoration.trials import trials_of
from sfumato.media.number_data import NumberData
from sfumato.metrics.calibration import central, covered
from sfumato.metrics.interval import Interval, mean_interval
from sfumato.model.editing import method_named
from sfumato.model.options import EvaluateOptions
from sfumato.restoration.methods import METHODS
from sfumato.runs.progress import Progress
from sfumato.training.data import reopen

_EPOCHS = 15
_CHECKED = 10  # One in so many training digits sets the temperature.


@dataclass(frozen=True)
class Exact:
    """What exact inference of the label from an observation allows.

    Attributes:
        accuracy: How often the most likely label is the true one.
        agreement: The mean of ``sum_l p(l | y)^2``.
        log_loss: The mean of ``-log p(label | y)``, in nats: how good the estimate of p is.
    """

    accuracy: float
    agreement: float
    log_loss: float


def observed(trial: Trial, x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures as they are observed in a trial, with fresh noise, laid out as pictures."""
    operator = trial.operator(1.0)
    clean = operator.forward(x)
    values = clean + trial.noise * torch.randn(clean.shape, generator=generator)
    return torch.cat([trial.shown(part, operator) for part in values.split(1)])


def fit_to_observations(trial: Trial, x: Tensor, y: Tensor, classes: int) -> nn.Module:
    """A network that estimates ``p(l | y)``, with the temperature that suits other digits."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    checked = torch.arange(len(x)) % _CHECKED == 0
    known_x, known_y = x[~checked], y[~checked]
    net = classifier(x.shape[1], classes)
    steps = _EPOCHS * (len(known_x) // 64)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    net.train()
    for _ in range(steps):
        rows = torch.randint(len(known_x), (64,), generator=generator)
        move = torch.randint(-1, 2, (2,), generator=generator).tolist()
        # A digit is moved before it is observed.
        pictures = observed(trial, known_x[rows].roll(move, (2, 3)), generator)
        loss = F.cross_entropy(net(pictures), known_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        logits = net(observed(trial, x[checked], generator))
        losses = {t: F.cross_entropy(logits / t, y[checked]).item() for t in np.arange(0.5, 4, 0.1)}
    return _Tempered(net, min(losses, key=losses.__getitem__))


class _Tempered(nn.Module):
    def __init__(self, net: nn.Module, temperature: float) -> None:
        super().__init__()
        self.net, self.temperature = net, temperature

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x) / self.temperature
        return logits


@torch.no_grad()
def exact(net: nn.Module, pictures: Tensor, y: Tensor) -> Exact:
    """What the estimated ``p(l | y)`` allows on some observations."""
    logits = torch.cat([net(part) for part in pictures.split(256)])
    p = logits.softmax(1)
    return Exact(
        (p.argmax(1) == y).float().mean().item(),
        p.square().sum(1).mean().item(),
        F.cross_entropy(logits, y).item(),
    )


def drained(events: Generator[Progress, None, Outcomes]) -> Outcomes:
    """The result of a measurement."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: Outcomes = end.value
            return found


def text(found: Interval) -> str:
    """A share with its interval."""
    return f"{found.mean:.1%} ({found.low:.1%} to {min(found.high, 1.0):.1%})"


def rows_of(
    outcomes: Outcomes, judge: nn.Module, labels: Tensor, beside: Exact, all_held: Exact
) -> list[tuple[str, str]]:
    """The rows of the table of one trial."""
    each, samples = outcomes.each, outcomes.samples
    seen = torch.stack([read(judge, one.samples) for one in each])
    agree = (seen == labels[:, None]).double()
    guess = torch.tensor([int(row.bincount().argmax()) for row in seen])
    interval = central(samples, 0.9)
    pairs = [one.ranked(outcomes.trial.unknown(one.operator), 0) for one in each]
    covers = [
        mean_interval(covered(torch.stack([pair[kind] for pair in pairs]), interval).tolist())
        for kind in (0, 1)
    ]
    residuals = [float(np.mean([fit.residual for fit in one.fits])) for one in each]
    title = f"coverage of {interval.level:.0%} intervals"
    return [
        ("a restoration has the true label", text(mean_interval(agree.mean(1).tolist()))),
        ("exact inference, these digits", f"{beside.agreement:.1%}"),
        ("exact inference, all held-out digits", f"{all_held.agreement:.1%}"),
        (
            "most frequent label of the restorations is true",
            f"{(guess == labels).double().mean():.1%}",
        ),
        ("best guess of exact inference, these digits", f"{beside.accuracy:.1%}"),
        ("best guess of exact inference, all held-out digits", f"{all_held.accuracy:.1%}"),
        ("log loss of p(label), all held-out digits", f"{all_held.log_loss:.3f}"),
        (f"{title}, linear functionals", text(covers[0])),
        (f"{title}, single values", text(covers[1])),
        ("residual over noise", f"{np.mean(residuals):.2f}"),
        ("seconds for one restoration", f"{np.mean([one.seconds for one in each]):.1f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--samples", type=int, default=19)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--method", choices=list(METHODS), default="moment-matching")
    parser.add_argument("--particles", type=int, default=None)
    parser.add_argument("--trials", nargs="+", default=["inpaint", "super-resolve"])
    chosen = parser.parse_args()

    model = sfumato.open(chosen.run).model
    spec = model.spec
    events = reopen(model.directory, spec.data, spec.recipe)
    (data,) = [event for event in events if isinstance(event, NumberData)]
    options = EvaluateOptions(
        chosen.items, steps=chosen.steps, restore=chosen.trials, restore_samples=chosen.samples
    )
    method = method_named(chosen.method, chosen.particles, is_large=False)
    course = Course(model, view_of(model)(model, options), options, method)
    items, numbers = data.dataset.gather(data.held_out)
    held_x, held_y = data.medium.examples(items).x0, torch.from_numpy(numbers)
    pixels, labels = data.dataset.gather(data.training)
    x, y = data.medium.examples(pixels).x0, torch.from_numpy(labels)
    classes = len(spec.data.classes)

    torch.manual_seed(0)
    judge = classifier(x.shape[1], classes)
    fit(judge, x, y)
    on_real = (read(judge, held_x) == held_y).float().mean().item()
    print(f"classifier on {len(held_y)} held-out real digits: {on_real:.1%}", flush=True)
    places = course.places(len(items))
    for trial in trials_of(data.medium, chosen.trials):
        net = fit_to_observations(trial, x, y, classes)
        pictures = observed(trial, held_x, torch.Generator().manual_seed(1))
        all_held = exact(net, pictures, held_y)
        outcomes = drained(course.outcomes(trial, items, places))
        seen = torch.cat([trial.shown(one.values, one.operator) for one in outcomes.each])
        beside = exact(net, seen, held_y[places])
        print(f"\n\n{trial.name}: {trial.about}")
        print(f"{len(places)} digits, {outcomes.samples} samples of each, ", end="")
        print(f"{course.request.sample.steps} steps, {method}\n\n| | |\n|---|---|")
        for row in rows_of(outcomes, judge, held_y[places], beside, all_held):
            print(f"| {row[0]} | {row[1]} |", flush=True)


if __name__ == "__main__":
    main()
