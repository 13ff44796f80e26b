"""What mixtures of every kind share: weighted components that belong to classes.

A label keeps the components of one class; the null label, the number after the last class, keeps
them all. It is what guidance calls "no condition".
"""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.categorical import Categorical


def classes(labels: Tensor) -> int:
    """Number of classes of components whose labels these are; also the null label."""
    return int(labels.max()) + 1


def log_weights(weights: Tensor, labels: Tensor, label: Tensor | None) -> Tensor:
    """Log-weights of the components that each sample's label leaves.

    Args:
        weights: Of the components, not negative, float64, shape (K,).
        labels: Class of each component, int64, shape (K,).
        label: Of each sample, a class or the null label, shape (B,); None = all of them null.

    Returns:
        float64, shape (B or 1, K), -inf for what is not left; the exponentials of a row sum to 1.

    Raises:
        SettingError: A label leaves no component that has a weight.
    """
    if label is None:
        return weights.log().log_softmax(0)[None]
    asked = label.cpu()[:, None]
    kept = weights * ((asked == classes(labels)) | (asked == labels))
    empty = kept.sum(1) <= 0
    if bool(empty.any()):
        raise SettingError(
            f"Label {int(asked[empty][0])} leaves nothing of the mixture.",
            hint=f"labels are the classes below {classes(labels)} that have a weight, "
            f"and {classes(labels)} for all of them",
        )
    return kept.log().log_softmax(1)


def choose(log_weights: Tensor, uniforms: Tensor) -> Tensor:
    """The component that each uniform number stands for.

    Args:
        log_weights: Shape (B or 1, K), of :func:`log_weights`.
        uniforms: In [0, 1), shape (B,).

    Returns:
        int64, shape (B,), in [0, K).
    """
    weights = log_weights.exp().expand(len(uniforms), -1)
    return Categorical(weights).sample(uniforms.to("cpu", torch.float64))
