"""The base classes of objectives."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from sfumato.denoiser import TokenDenoiser
from sfumato.registry import Part


class Objective(Part):
    """Base of all objectives, the criteria that training minimises.

    A recipe names one in its field ``objective``, and the run's task calls it on every batch.
    """

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    for_tokens: ClassVar[bool] = False
    """Whether it trains denoisers of tokens rather than of numbers."""

    @abstractmethod
    def __call__(self, denoiser: Any, x0: Tensor, t: Tensor, noise: Tensor, **cond: Any) -> Tensor:
        """Loss of each sample, shape (B,).

        A loss depends on its own sample alone, so that a batch can be split.

        Args:
            denoiser: The model in training, a :class:`~sfumato.denoiser.NetworkDenoiser`.
            x0: Clean data, shape (B, ...).
            t: Times in (0, 1), float64, shape (B,).
            noise: Standard normal, shaped like ``x0``.
            **cond: Conditions, passed on to the backbone.
        """


class TokenObjective(Objective):
    """Base of the objectives of denoisers of tokens."""

    for_tokens: ClassVar[bool] = True

    @abstractmethod
    def __call__(
        self,
        denoiser: TokenDenoiser,
        x0: Tensor,
        t: Tensor,
        noise: Tensor,
        counted: Tensor | None = None,
        **cond: Any,
    ) -> Tensor:
        """Loss of each sample, shape (B,).

        Args:
            denoiser: The model in training.
            x0: Clean tokens, int64, shape (B, L).
            t: Times in (0, 1), float64, shape (B,).
            noise: Uniform in [0, 1), float64, shape (B, L).
            counted: Which places are data, bool, shape (B, L), at least one in every row; the
                others are padding. None = all.
            **cond: Conditions, passed on to the backbone.
        """
