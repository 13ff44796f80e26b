"""Averaged weights with a power-function profile.

Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models"
(arXiv:2312.02696), section 3. The average after T steps weighs the parameters of step t in
proportion to ``t ** gamma`` (equation 1), so its width is a fixed share of the training length, and
does not have to be retuned when a run becomes longer. The width is ``sigma_rel``, the standard
deviation of that profile relative to T.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.errors import SettingError

MAX_WIDTH = 0.28
"""Largest usable relative width. The uniform average (gamma = 0) has sqrt(1/12) = 0.2887."""


def named_state(module: nn.Module) -> tuple[dict[str, nn.Parameter], dict[str, Tensor]]:
    """Parameters and persistent buffers by name.

    Tied weights appear only under their first name, so that a file holds each value once and
    loading restores the tie.

    Returns:
        The parameters, and the persistent buffers.
    """
    persistent = module.state_dict(keep_vars=True).keys()
    parameters = dict(module.named_parameters())
    buffers = {name: b for name, b in module.named_buffers() if name in persistent}
    return parameters, buffers


def gamma_from_width(sigma_rel: float) -> float:
    """The exponent of the profile whose relative width is ``sigma_rel``.

    Solves ``(gamma + 1) / ((gamma + 2)^2 (gamma + 3)) = sigma_rel^2`` for its largest real root
    (equations 3 and 126).

    Raises:
        SettingError: ``sigma_rel`` is outside (0, 0.28].
    """
    if not 0.0 < sigma_rel <= MAX_WIDTH:
        raise SettingError(
            f"The EMA width {sigma_rel} is out of range.",
            why=f"a power-function average has a relative width in (0, {MAX_WIDTH}]",
            hint="0.1 suits most runs; smaller follows the weights more closely.",
        )
    inverse = sigma_rel**-2
    roots = np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse])
    return float(np.max(roots.real[np.abs(roots.imag) < 1e-9]))


def width_from_gamma(gamma: float) -> float:
    """The relative width of the profile ``t ** gamma`` (equation 3)."""
    return float((gamma + 1.0) ** 0.5 / ((gamma + 2.0) * (gamma + 3.0) ** 0.5))


class PowerEMA:
    """Running power-function average of a module's parameters; buffers are copied.

    Args:
        module: The module whose weights are averaged. Tied weights are averaged once.
        width: ``sigma_rel``, in (0, 0.28].

    Attributes:
        gamma: Exponent of the profile.
        steps: Number of updates so far.
    """

    def __init__(self, module: nn.Module, width: float = 0.1) -> None:
        self.gamma = gamma_from_width(width)
        self.steps = 0
        parameters, buffers = named_state(module)
        self._parameters = parameters
        self._buffers = buffers
        self._averages = {name: p.detach().clone() for name, p in parameters.items()}
        self._copies = {name: b.detach().clone() for name, b in buffers.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Add the module's present weights to the average, in one fused pass over memory."""
        self.steps += 1
        # Equation 127: beta(t) = (1 - 1/t)^(gamma + 1). At t = 1 it is 0: the average is the
        # weights themselves, so no bias correction is needed.
        beta = (1.0 - 1.0 / self.steps) ** (self.gamma + 1.0)
        torch._foreach_lerp_(
            list(self._averages.values()), list(self._parameters.values()), weight=1.0 - beta
        )
        for name, buffer in self._buffers.items():
            self._copies[name].copy_(buffer)

    def tensors(self) -> dict[str, Tensor]:
        """The averaged parameters and the buffers by name; they are not copied."""
        return {**self._averages, **self._copies}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Restore the result of :meth:`tensors` after ``steps`` updates."""
        for name, mine in self.tensors().items():
            mine.copy_(tensors[name])
        self.steps = steps

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Overwrite the weights of a module of the same shape by the average."""
        parameters, buffers = named_state(module)
        for name, mine in {**parameters, **buffers}.items():
            mine.copy_(self.tensors()[name])

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """A context in which the module holds the averaged weights; nothing is copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        mine, theirs = self.tensors(), {**self._parameters, **self._buffers}
        for name, tensor in theirs.items():
            tensor.data, mine[name].data = mine[name].data, tensor.data
