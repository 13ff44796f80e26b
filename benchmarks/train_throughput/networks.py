"""The networks that are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.nets.specs import Backbone, TransformerSpec, UNetSpec

CHANNELS, SIZE = 3, 32

OWN: dict[str, Backbone] = {
    "own-unet": UNetSpec(
        widths=(64, 128, 256), blocks=(1, 1, 2), attention=(False, False, True), patch=2
    ),
    "own-transformer": TransformerSpec(patch=4, dim=256, depth=4, heads=4),
    "own-dit-2": TransformerSpec(patch=2, dim=256, depth=6, heads=4),
    "own-dit-4": TransformerSpec(patch=4, dim=256, depth=6, heads=4),
}
"""Our blocks: two of about the size of the peers' U-Nets, two of that of diffusers' transformer."""


class Foreign(nn.Module):
    """A network of diffusers as a backbone of ours, or as a plain function of state and time.

    Args:
        network: Takes states and times from 0 to 999.
        labelled: Whether it insists on a label.
    """

    def __init__(self, network: nn.Module, labelled: bool) -> None:
        super().__init__()
        self.network = network
        self.labelled = labelled

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Shapes (B, C, H, W) and (B,) to (B, C, H, W)."""
        if not self.labelled:
            out: Tensor = self.network(x, t).sample
            return out
        label = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        tokens: Tensor = self.network(x, timestep=t, class_labels=label).sample
        return tokens


def foreign(name: str) -> Foreign:
    """A network of diffusers by its name: `unet`, `dit-2` or `dit-4`."""
    if name == "unet":
        from peer_training.diffusers_example import unet

        # Attention at 16 x 16 and 8 x 8, as in the DDPM of Ho et al. 2020 for CIFAR-10.
        return Foreign(unet((64, 128, 128), (1, 2), 1, CHANNELS), labelled=False)
    from diffusers import DiTTransformer2DModel

    network = DiTTransformer2DModel(
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=6,
        sample_size=SIZE,
        patch_size=int(name.removeprefix("dit-")),
        num_embeds_ada_norm=1,
    )
    return Foreign(network, labelled=True)
