"""The networks that are trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.registry import find
from sfumato.nets.specs import Backbone, TransformerSpec, UNetSpec

CHANNELS, SIZE = 3, 32
_LEVELS, _ATTENTION = (64, 128, 128), (1, 2)


def own(name: str) -> Backbone | None:
    """A network of ours by its name: `image-transformer` as its recipe has it, or one of two.

    `own-unet` and `own-transformer` are about as large as the networks of the peers beside them.
    """
    if name == "own-unet":
        attention = (False, False, True)
        return UNetSpec(widths=(64, 128, 256), blocks=(1, 1, 2), attention=attention, patch=2)
    if name == "own-transformer":
        return TransformerSpec(patch=4, dim=256, depth=4, heads=4)
    if name == "image-transformer":
        recipe = find(name)
        assert isinstance(recipe, ImageRecipe)
        return recipe.backbone
    return None


def foreign(name: str) -> nn.Module:
    """A network of diffusers by its name, `unet` or `dit`: called with states and times."""
    if name == "unet":
        from peer_training.diffusers_example import unet

        # Attention at 16 x 16 and 8 x 8, as in the DDPM of Ho et al. 2020 for CIFAR-10.
        return unet(_LEVELS, _ATTENTION, 1, CHANNELS)
    from diffusers import DiTTransformer2DModel

    network = DiTTransformer2DModel(
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=6,
        sample_size=SIZE,
        patch_size=4,
        num_embeds_ada_norm=1,
    )
    return Unlabelled(network)


class Unlabelled(nn.Module):
    """A transformer of diffusers, which insists on labels, with the face of its U-Net.

    Args:
        network: Takes states, times from 0 to 999 and labels.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.config = network.config

    def forward(self, x: Tensor, t: Tensor) -> Any:
        """Shapes (B, C, H, W) and (B,) to an object whose ``sample`` is (B, C, H, W)."""
        label = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        return self.network(x, timestep=t, class_labels=label)


class Plain(nn.Module):
    """A network of diffusers as a function of state and time.

    Args:
        network: Answers with an object that has a ``sample``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Shapes (B, C, H, W) and (B,) to (B, C, H, W)."""
        out: Tensor = self.network(x, t).sample
        return out
