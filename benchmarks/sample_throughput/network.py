"""A U-Net of diffusers, trained by a plain loop, and the same weights behind our denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.engine.attention import attention, choose_attention
from sfumato.engine.precision import NumberFormat, autocast, choose_precision
from sfumato.media.number_data import NumberData
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import Eps
from sfumato.process.schedule import Tabulated
from sfumato.training.data import prepare
from sfumato.training.source import recipe_for

SHAPE = (3, 32, 32)
CPU = torch.device("cpu")
HELD_OUT = 500
_STEPS = 1000


@dataclass(frozen=True)
class Pictures:
    """Emoji, uint8, shape (n, 3, 32, 32): learnt from, and kept aside."""

    training: NDArray[np.uint8]
    held_out: NDArray[np.uint8]


def pictures() -> Pictures:
    """The catalogue's openmoji, divided at random."""
    (data,) = [
        event
        for event in prepare("openmoji", recipe_for("openmoji"))
        if isinstance(event, NumberData)
    ]
    items, _ = data.dataset.gather(np.arange(len(data.dataset)))
    order = np.random.default_rng(0).permutation(len(items))
    return Pictures(items[order[HELD_OUT:]], items[order[:HELD_OUT]])


def unet() -> UNet2DModel:
    """4.6 million parameters."""
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=32,
        layers_per_block=1,
        block_out_channels=(64, 128, 128),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )


def trained(file: Path, items: NDArray[np.uint8], steps: int) -> UNet2DModel:
    """From the cache, or trained as diffusers' unconditional example does, with its average."""
    network = unet()
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(fitted(network, items, steps), file)
    network.load_state_dict(load_file(file))
    return network.eval().requires_grad_(False)


def fitted(network: UNet2DModel, items: NDArray[np.uint8], steps: int) -> dict[str, Tensor]:
    """The average of the weights over about the last fifth of the way, at most 500 steps."""
    schedule = DDPMScheduler()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-4)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    decision = choose_precision("auto", CPU)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        rows = torch.randint(len(items), (16,), generator=generator)
        x0 = torch.from_numpy(items[rows.numpy()]).float() / 127.5 - 1
        eps = torch.randn(x0.shape, generator=generator)
        t = torch.randint(_STEPS, (len(x0),), generator=generator)
        with autocast(decision, CPU), attention(choose_attention(CPU, decision)):
            found = network(schedule.add_noise(x0, eps, t), t).sample
        loss = F.mse_loss(found.float(), eps)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        for name, value in network.state_dict().items():
            average[name].lerp_(value, max(5 / (step + 6), 0.002))
        if step % 100 == 0:
            print(f"training, step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    return average


class Wrapped(nn.Module):
    """The U-Net as a backbone: from our noise level to its integer times, and between them."""

    def __init__(self, network: UNet2DModel, schedule: Tabulated, form: NumberFormat) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.decision = choose_precision(form, CPU)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """(B, 3, 32, 32) with ``level`` (B,) -> the noise in it."""
        t = self.schedule.time(-8 * level.double())
        with autocast(self.decision, CPU):
            found: Tensor = self.network(x, (_STEPS * t - 1).clamp_min(0).float()).sample
        return found


class Clipped(Denoiser):
    """Pixels are within [-1, 1], and so is their mean: the pipeline's ``clip_sample``."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.process)
        self.inner = inner

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The mean, clipped."""
        return Posterior(self.inner(x_t, t, **cond).mean.clamp(-1, 1))


def denoiser(network: UNet2DModel, form: NumberFormat) -> Denoiser:
    """Variance is preserved, so the U-Net is given the states as they are."""
    schedule = Tabulated(betas=tuple(DDIMScheduler().betas.double().tolist()))
    backbone = Wrapped(network, schedule, form)
    return Clipped(NetworkDenoiser(backbone, Gaussian(schedule), Eps(), sigma_data=1.0))
