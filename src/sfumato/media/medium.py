"""What a run by Gaussian diffusion asks of a medium."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from sfumato.media.data.items import Encoded


class SignalMedium(Protocol):
    """Items as files, as cached arrays and as tensors of one shape."""

    @property
    def settings(self) -> BaseModel:
        """With nothing left open."""

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """Of one item as a process sees it: (C, *sides)."""

    @property
    def variations(self) -> int:
        """How many uniform numbers decide how an item is varied."""

    def read(self, path: Path, part: int = 0) -> NDArray[Any]:
        """An item from a file."""

    def examples(self, items: NDArray[Any], uniforms: Tensor | None = None) -> Encoded:
        """Items to learn from, varied if uniforms (B, variations) in [0, 1) are given."""

    def decode(self, x0: Tensor) -> NDArray[Any]:
        """What signals look or sound like, shape (B, ...)."""
