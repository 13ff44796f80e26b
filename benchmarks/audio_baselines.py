"""Two plain ways to make sounds, trained for as long as a run on the same clips by the same engine.

``diffwave``: dilated convolutions on the waveform that predict its noise, with the 50 betas and the
ancestral sampling of Kong et al. 2021 (DiffWave, arXiv:2009.09761): 32 channels wide, 20 layers in
cycles of 10, told the class.
``mel``: the run's own backbone on log-mel spectrograms of 64 bands, turned into sound by the
pseudo-inverse of the mel filters and 60 rounds of Griffin and Lim 1984.

    sfumato train one-shots --minutes 30 --name shots
    python benchmarks/audio_baselines.py shots diffwave
    python benchmarks/audio_baselines.py shots mel

Prints the measures of `sfumato evaluate` for each, and writes a sheet of its samples.
"""

from __future__ import annotations

import argparse
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.data.split import batch_indices
from sfumato.denoiser import NetworkDenoiser
from sfumato.dsp import FLOOR, mel_edges, triangles
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Progress
from sfumato.engine.loop import Trainer
from sfumato.engine.machine import choose_device
from sfumato.engine.optim import AdamWSpec, MuonSpec
from sfumato.engine.settings import Budget
from sfumato.evaluation.classes import classify
from sfumato.evaluation.distance import distance_section
from sfumato.evaluation.features import Sets, extract
from sfumato.evaluation.of.audio import level_section, similarity_section, waveforms
from sfumato.evaluation.real import items_of
from sfumato.evaluation.result import Section
from sfumato.media.number_data import NumberData
from sfumato.metrics.audio_features import LogMel
from sfumato.metrics.extractor import Clips
from sfumato.model.network import draw_places
from sfumato.objective import Regression, Unit, drop_labels
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import EDM, Eps
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Linear, Tabulated
from sfumato.process.times import TimeDistribution, UniformTimes
from sfumato.runs.directory import locate
from sfumato.runs.spec import Spec, read
from sfumato.sampling import Ancestral, KeyedNoise, Sampler, sample
from sfumato.training.data import reopen

_BETAS = tuple(np.linspace(1e-4, 0.05, 50).tolist())
_BANDS = 64
_AT_ONCE = 16


class DiffWave(nn.Module):
    """Residual layers of dilated convolutions with gated activations and summed skips."""

    def __init__(self, classes: int, width: int = 32, layers: int = 20) -> None:
        super().__init__()
        self.enter = nn.Conv1d(1, width, 1)
        self.level = nn.Sequential(nn.Linear(128, 512), nn.SiLU(), nn.Linear(512, 512), nn.SiLU())
        self.label = nn.Embedding(classes + 1, 512)
        self.told = nn.ModuleList(nn.Linear(512, width) for _ in range(layers))
        self.dilated = nn.ModuleList(
            nn.Conv1d(width, 2 * width, 3, padding=2 ** (i % 10), dilation=2 ** (i % 10))
            for i in range(layers)
        )
        self.mixed = nn.ModuleList(nn.Conv1d(width, 2 * width, 1) for _ in range(layers))
        self.inner = nn.Conv1d(width, width, 1)
        self.leave = nn.Conv1d(width, 1, 1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, level: Tensor, label: Tensor | None = None) -> Tensor:
        phase = level[:, None] * 10.0 ** torch.linspace(-1, 2, 64, device=x.device)
        told = self.level(torch.cat([phase.sin(), phase.cos()], 1))
        if label is None:
            label = torch.full((len(x),), self.label.num_embeddings - 1, device=x.device)
        told = told + self.label(label)
        x = F.relu(self.enter(x))
        skips = torch.zeros_like(x)
        for tell, dilated, mixed in zip(self.told, self.dilated, self.mixed, strict=True):
            signal, gate = dilated(x + tell(told).unsqueeze(-1)).chunk(2, 1)
            residual, skip = mixed(signal.tanh() * gate.sigmoid()).chunk(2, 1)
            x = (x + residual) / math.sqrt(2)
            skips = skips + skip
        out: Tensor = self.leave(F.relu(self.inner(skips / math.sqrt(len(self.told)))))
        return out


@dataclass
class Baseline(ABC):
    """What to train on clips, and how to make clips of it."""

    spec: Spec
    rate: int
    samples: int

    times: TimeDistribution
    sampler: Sampler
    steps: int
    optimizer: AdamWSpec | MuonSpec

    @abstractmethod
    def encode(self, clips: Tensor) -> Tensor:
        """Waveforms (B, 1, N) to what is learnt."""

    @abstractmethod
    def decode(self, x0: Tensor) -> Tensor:
        """And back."""

    @abstractmethod
    def denoiser(self, typical: Tensor) -> NetworkDenoiser:
        """A fresh model; `typical` is encoded data."""


class OnWaveform(Baseline):
    def encode(self, clips: Tensor) -> Tensor:
        return clips

    def decode(self, x0: Tensor) -> Tensor:
        return x0

    def denoiser(self, typical: Tensor) -> NetworkDenoiser:
        process = Gaussian(Tabulated(betas=_BETAS))
        network = DiffWave(self.spec.classes)
        return NetworkDenoiser(network, process, Eps(), float(typical.std()))


class OnMel(Baseline):
    """Log-mel levels in units of half their range, frames of 25 ms every 8 ms."""

    @property
    def _fft(self) -> int:
        return 1 << math.ceil(math.log2(0.025 * self.rate))

    @property
    def _hop(self) -> int:
        return self._fft // 4

    @property
    def _window(self) -> Tensor:
        return torch.hann_window(self._fft)

    @property
    def _filters(self) -> Tensor:
        frequencies = torch.linspace(0, self.rate / 2, self._fft // 2 + 1)
        return triangles(mel_edges(self.rate, _BANDS), frequencies).float()

    def _stft(self, x: Tensor) -> Tensor:
        return torch.stft(x, self._fft, self._hop, window=self._window, return_complex=True)

    def encode(self, clips: Tensor) -> Tensor:
        power = self._stft(clips[:, 0]).abs().square() / self._window.sum().square() * 4
        level = 10 * torch.log10(self._filters @ power + 10 ** (FLOOR / 10))
        encoded = (level / -FLOOR * 2 + 1).clamp(-1, 1).unsqueeze(1)
        return F.pad(encoded, (0, -encoded.shape[-1] % 32), value=-1.0)

    def decode(self, x0: Tensor) -> Tensor:
        level = (x0[:, 0].clamp(-1, 1) - 1) / 2 * -FLOOR
        power = 10 ** (level / 10) - 10 ** (FLOOR / 10)
        inverse = torch.linalg.pinv(self._filters)
        size = ((inverse @ power.clamp_min(0)).clamp_min(0) / 4).sqrt() * self._window.sum()
        size = size[..., : self.samples // self._hop + 1]
        return self._griffin_lim(size)

    def _griffin_lim(self, size: Tensor) -> Tensor:
        turn = torch.rand(size.shape, generator=torch.Generator().manual_seed(0)) * 2 * math.pi
        phase = torch.polar(torch.ones_like(size), turn)
        x = torch.zeros(0)
        for _ in range(60):
            x = torch.istft(
                size * phase, self._fft, self._hop, window=self._window, length=self.samples
            )
            lines = self._stft(x)
            phase = lines / lines.abs().clamp_min(1e-9)
        return x.unsqueeze(1)

    def denoiser(self, typical: Tensor) -> NetworkDenoiser:
        recipe = self.spec.recipe
        backbone = recipe.backbone.build(1, typical.shape[2:], self.spec.classes)
        sigma = float(typical.std())
        return NetworkDenoiser(backbone, Gaussian(Linear()), EDM(sigma_data=sigma), sigma)


@dataclass(frozen=True)
class Batch:
    x0: Tensor
    t: Tensor
    noise: Tensor
    label: Tensor | None


def train(baseline: Baseline, data: NumberData, folder: Path) -> NetworkDenoiser:
    recipe, classes = baseline.spec.recipe, baseline.spec.classes
    seed, size = recipe.seed, recipe.engine.batch

    def batch(step: int) -> Batch:
        slots = range(size)
        ids = data.training[batch_indices(len(data.training), size, step, seed)]
        clips, labels = data.dataset.gather(ids)
        x0 = baseline.encode(torch.from_numpy(clips).float() / 32768)
        label = None
        if classes and labels is not None:
            dropped = uniform(seed, Stream.LABEL_DROP, slots, step=step)
            label = drop_labels(torch.from_numpy(labels), dropped, 0.1, null=classes)
        t = baseline.times.draw(denoiser.process.schedule, seed, step, slots, size)
        return Batch(x0, t, normal(seed, Stream.TRAINING_NOISE, slots, x0.shape[1:], step), label)

    typical = baseline.encode(torch.from_numpy(data.dataset.gather(data.training)[0]) / 32768)
    torch.manual_seed(seed)
    denoiser = baseline.denoiser(typical).to(choose_device())
    objective = Regression(Unit())

    def loss(batch: Batch) -> Tensor:
        cond = {} if batch.label is None else {"label": batch.label}
        return objective(denoiser, batch.x0, batch.t, batch.noise, **cond)

    changed = {"preview_minutes": None, "progress_seconds": 60, "optimizer": baseline.optimizer}
    settings = recipe.engine.model_copy(update=changed)
    trainer = Trainer(denoiser.backbone, loss, batch, settings, CheckpointStore(folder))
    for event in trainer.run(Budget(recipe.budget.steps, recipe.budget.minutes)):
        if isinstance(event, Progress):
            print(f"{event.elapsed / 60:5.1f} min  step {event.step}  loss {event.loss:.4f}")
    denoiser.backbone.load_state_dict(trainer.ema.tensors())
    return denoiser.train(False)


@torch.no_grad()
def make(baseline: Baseline, denoiser: NetworkDenoiser, n: int) -> tuple[Tensor, Tensor | None]:
    """Waveforms and their class numbers, drawn as a run draws them."""
    spec, clips = baseline.spec, []
    labels = None
    if spec.classes:
        labels = draw_places(spec.data.frequencies, uniform(0, Stream.LABEL, range(n)))
    shape = baseline.encode(torch.zeros(1, 1, baseline.samples)).shape[1:]
    for low in range(0, n, _AT_ONCE):
        indices = range(low, min(low + _AT_ONCE, n))
        cond = {} if labels is None else {"label": labels[indices.start : indices.stop]}
        x0 = sample(denoiser, baseline.sampler, KeyedNoise(0, indices), shape, baseline.steps, cond)
        clips.append(baseline.decode(x0))
    x = torch.cat(clips)
    return x / x.abs().amax((1, 2), keepdim=True).clamp_min(1.0), labels


def measured(samples: Tensor, labels: Tensor | None, data: NumberData) -> Iterator[Section]:
    """The measures of `sfumato evaluate` that the table has."""
    real, rate = items_of(data), data.medium.settings.rate
    known, unseen = waveforms(real.training), waveforms(real.held_out)
    features = extract(LogMel(), Sets(samples, known, unseen), lambda items: Clips(items, rate))
    yield distance_section(features, real.groups, seed=0)
    yield from classify(features, labels, real, data.dataset.classes).sections
    yield level_section(samples, torch.cat([known, unseen]))
    yield similarity_section(samples, real, rate)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("baseline", choices=("diffwave", "mel"))
    parser.add_argument("-n", type=int, default=200, help="samples")
    asked = parser.parse_args()
    directory = locate(asked.run)
    spec = read(directory.spec)
    *_, data = reopen(directory, spec.data, spec.recipe)
    assert isinstance(data, NumberData)
    settings, recipe = data.medium.settings, spec.recipe
    of = (spec, settings.rate, settings.samples)
    baseline: Baseline
    if asked.baseline == "diffwave":
        # The rate of the paper.
        baseline = OnWaveform(*of, UniformTimes(), Ancestral(), 50, AdamWSpec(lr=2e-4))
    else:
        sampling, optimizer = recipe.sampling, recipe.engine.optimizer
        baseline = OnMel(*of, recipe.times, sampling.sampler, sampling.steps, optimizer)
    denoiser = train(baseline, data, directory.root / asked.baseline)
    samples, labels = make(baseline, denoiser, asked.n)
    sheet = data.medium.contact_sheet(list(samples[:25].numpy()))
    sheet.save(directory.root / f"{asked.baseline}.png")
    for section in measured(samples, labels, data):
        for figure in section.figures:
            print(f"{section.title}: {figure.title}: {figure.text}, real {figure.real_text}")
    print(f"weights: {sum(p.numel() for p in denoiser.parameters()):,}")


if __name__ == "__main__":
    main()
