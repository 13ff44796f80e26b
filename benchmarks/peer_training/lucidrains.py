"""Training and sampling by denoising-diffusion-pytorch, through its own Trainer.

Its defaults are kept: Adam 1e-4, EMA of 0.995 every 10 steps, gradients clipped at 1, velocity
predicted under sigmoid betas, as many reading processes as there are cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from peer_training.torchvision_stand_in import torchvision_present

with torchvision_present():
    from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

_NEVER = 10**9


class AsItsUnet(nn.Module):
    """A U-Net of diffusers with the face that GaussianDiffusion wants."""

    self_condition = False

    def __init__(self, unet: nn.Module, channels: int) -> None:
        super().__init__()
        self.unet = unet
        self.channels = self.out_dim = channels

    def forward(self, x: Tensor, t: Tensor, _: Tensor | None = None) -> Tensor:
        """Shape (B, C, H, W) to the same."""
        out: Tensor = self.unet(x, t).sample
        return out


def own_unet(channels: int) -> nn.Module:
    """Its own U-Net as shipped, four levels, narrowed from 64 channels to 24: 5.1 M weights."""
    network: nn.Module = Unet(dim=24, channels=channels)
    return network


def diffusion(network: nn.Module, sampling_steps: int | None = None) -> Any:
    """Its process around a network; DDIM where fewer than 1,000 steps are to sample."""
    return GaussianDiffusion(network, image_size=32, sampling_timesteps=sampling_steps)


def trainer(network: nn.Module, folder: Path, out: Path, bf16: bool, flip: bool, batch: int) -> Any:
    """Its Trainer, which neither samples nor measures on the way.

    Args:
        network: To train.
        folder: PNG files.
        out: Where it would write.
        bf16: Its `amp`, in bfloat16.
        flip: Mirror half of the pictures; its default.
        batch: Samples a step.
    """
    return Trainer(
        diffusion(network),
        str(folder),
        train_batch_size=batch,
        amp=bf16,
        mixed_precision_type="bf16",
        augment_horizontal_flip=flip,
        calculate_fid=False,
        save_and_sample_every=_NEVER,
        results_folder=str(out),
    )


def steps(of: Any, at_once: int = 1) -> Iterator[None]:
    """Train for ever; yields after every so many steps."""
    while True:
        of.train_num_steps = of.step + at_once
        of.train()
        yield


def averaged(of: Any) -> dict[str, Tensor]:
    """A copy of the averaged weights of the network and its process."""
    return {name: tensor.clone() for name, tensor in of.ema.ema_model.state_dict().items()}


def sampled(of: Any, count: int, seed: int) -> NDArray[np.uint8]:
    """Samples, shape (B, H, W, C)."""
    torch.manual_seed(seed)
    drawn: Tensor = of.sample(batch_size=count)
    levels = drawn.float().clamp(0, 1).mul(255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
