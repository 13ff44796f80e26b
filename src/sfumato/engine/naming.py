"""The weights of a module by name: each tensor once, in a fixed order."""

from __future__ import annotations

from torch import Tensor, nn


def named_state(module: nn.Module) -> tuple[dict[str, nn.Parameter], dict[str, Tensor]]:
    """Parameters and persistent buffers by name.

    Tied weights appear under their first name only, so that a file holds each value once and
    loading it restores the tie.

    Returns:
        The parameters, and the buffers that belong in a file.
    """
    kept = module.state_dict(keep_vars=True).keys()
    parameters = dict(module.named_parameters())
    buffers = {name: b for name, b in module.named_buffers() if name in kept}
    return parameters, buffers
