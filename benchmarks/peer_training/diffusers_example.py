"""Unconditional training in the shape of diffusers' example, with accelerate; and its sampling.

The settings are those of ``train_unconditional.py``: DDPM of 1,000 steps with linear betas, noise
predicted; AdamW 1e-4, betas (0.95, 0.999), decay 1e-6; cosine learning rate after 500 steps of
warm-up; gradients clipped at 1; EMA with its warm-up; the loss read at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from peer_training.pictures import loader

Precision = Literal["fp32", "bf16"]
_WARMUP = 500
_ACCELERATES = {"fp32": "no", "bf16": "bf16"}


def unet(
    widths: tuple[int, ...], attention: tuple[int, ...], layers: int, channels: int
) -> nn.Module:
    """Its U-Net for 32 x 32, everything left open as shipped (heads of 8 channels).

    Args:
        widths: Channels of each level.
        attention: Levels with attention.
        layers: Residual blocks a level.
        channels: Of the pictures.
    """
    levels = range(len(widths))
    down = tuple("AttnDownBlock2D" if k in attention else "DownBlock2D" for k in levels)
    up = tuple("AttnUpBlock2D" if k in attention else "UpBlock2D" for k in reversed(levels))
    network: nn.Module = UNet2DModel(
        sample_size=32,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=layers,
        block_out_channels=widths,
        down_block_types=down,
        up_block_types=up,
    )
    return network


def process() -> Any:
    """Its noise."""
    return DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")


class Example:
    """The example's training.

    Args:
        model: Its U-Net.
        folder: PNG files.
        channels: Of the pictures.
        batch: Samples a step.
        precision: Of the products.
        planned: Steps over which the learning rate falls.
    """

    def __init__(
        self,
        model: nn.Module,
        folder: Path,
        channels: int,
        batch: int,
        precision: Precision,
        planned: int,
    ) -> None:
        self.accelerator = Accelerator(mixed_precision=_ACCELERATES[precision])
        self.noise = process()
        self.ema = EMAModel(
            model.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75,
            model_cls=UNet2DModel, model_config=model.config,
        )  # fmt: skip
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8
        )
        rate = get_scheduler(
            "cosine", optimizer=optimizer, num_warmup_steps=_WARMUP, num_training_steps=planned
        )
        parts = self.accelerator.prepare(model, optimizer, loader(folder, channels, batch), rate)
        self.model, self.optimizer, self.batches, self.rate = parts
        self.ema.to(self.accelerator.device)

    def steps(self) -> Iterator[float]:
        """Train for ever; yields the loss after every step."""
        while True:
            self.model.train()
            for clean in self.batches:
                yield self._step(clean)

    def _step(self, clean: Tensor) -> float:
        accelerator, model = self.accelerator, self.model
        eps = torch.randn(clean.shape, device=clean.device)
        t = torch.randint(0, self.noise.config.num_train_timesteps, (len(clean),))
        noisy = self.noise.add_noise(clean, eps, t)
        with accelerator.accumulate(model):
            loss = functional.mse_loss(model(noisy, t).sample.float(), eps.float())
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            self.optimizer.step()
            self.rate.step()
            self.optimizer.zero_grad()
        if accelerator.sync_gradients:
            self.ema.step(model.parameters())
        return loss.detach().item()

    def averaged(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        model = self.accelerator.unwrap_model(self.model)
        self.ema.store(model.parameters())
        self.ema.copy_to(model.parameters())
        copied = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.ema.restore(model.parameters())
        return copied


def sampled(model: nn.Module, count: int, steps: int, seed: int) -> NDArray[np.uint8]:
    """Samples by its DDIM pipeline, deterministic, shape (B, H, W, C)."""
    pipeline = DDIMPipeline(model, DDIMScheduler.from_config(process().config))
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(
        batch_size=count,
        generator=torch.Generator().manual_seed(seed),
        num_inference_steps=steps,
        output_type="np",
    )
    pixels: NDArray[np.uint8] = np.rint(np.asarray(drawn.images) * 255).astype(np.uint8)
    return pixels
