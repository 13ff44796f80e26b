"""Weighted components that belong to classes, for mixtures of every kind.

A label selects the components of one class; the null label, the number after the last class,
selects them all. It is what guidance calls "no condition".
"""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.categorical import Categorical


def classes(labels: Tensor) -> int:
    """The number of classes of components with these labels; also the null label."""
    return int(labels.max()) + 1


def log_weights(weights: Tensor, labels: Tensor, label: Tensor | None) -> Tensor:
    """Log-weights of the components that the label of each sample selects.

    Args:
        weights: The weights of the components, not negative, float64, shape (K,).
        labels: The class of each component, int64, shape (K,).
        label: The class or null label of each sample, shape (B,); None = null for every sample.

    Returns:
        float64, shape (B or 1, K), -inf for the others; the exponentials of a row sum to 1.

    Raises:
        SettingError: A label selects no component with a positive weight.
    """
    if label is None:
        return weights.log().log_softmax(0)[None]
    column = label.cpu()[:, None]
    selected = weights * ((column == classes(labels)) | (column == labels))
    empty = selected.sum(1) <= 0
    if bool(empty.any()):
        raise SettingError(
            f"Label {int(column[empty][0])} selects no component of the mixture.",
            hint=f"labels are the classes below {classes(labels)} that have a weight, "
            f"and {classes(labels)} for all of them",
        )
    return selected.log().log_softmax(1)


def choose(log_weights: Tensor, uniforms: Tensor) -> Tensor:
    """Choose a component for each uniform number.

    Args:
        log_weights: The result of :func:`log_weights`, shape (B or 1, K).
        uniforms: In [0, 1), shape (B,).

    Returns:
        int64, shape (B,), in [0, K).
    """
    weights = log_weights.exp().expand(len(uniforms), -1)
    return Categorical(weights).sample(uniforms.to("cpu", torch.float64))
