"""What all measures ask of feature vectors."""

from __future__ import annotations

from torch import Tensor

from sfumato.errors import DataError


def require_finite(*sets: Tensor) -> None:
    """Refuse features that are not numbers.

    Args:
        sets: Each of any shape.

    Raises:
        DataError: One of them is not finite.
    """
    if not all(features.isfinite().all() for features in sets):
        raise DataError("A feature is not finite.", hint="look at the items it was made of.")
