"""Operators: what an observation shows of the clean data.

    y = A(x0) + noise

An operator is a frozen part that is its own JSON spec, so a restored file can name the operator
that it was restored from. It maps each sample by itself and is differentiable; its Jacobian and the
transpose of that are found by automatic differentiation, so an operator is one method.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import PrivateAttr
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.registry import Part


@dataclass(frozen=True)
class LinearMap:
    """A linear map of batches, sample by sample, with its transpose.

    Attributes:
        apply: Maps vectors in data space, shape (B, C, *sides), to observations, shape (B, *out).
        transpose: Maps observations back to data space.
    """

    apply: Callable[[Tensor], Tensor]
    transpose: Callable[[Tensor], Tensor]


class Operator(Part):
    """Base of all operators."""

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    is_linear: ClassVar[bool] = True
    """Whether ``A(a x + b y) = a A(x) + b A(y)``."""

    @abstractmethod
    def forward(self, x0: Tensor) -> Tensor:
        """What is observed of clean data without noise.

        Args:
            x0: Clean data, shape (B, C, *sides).

        Returns:
            Shape (B, *out); a differentiable function of each sample by itself.
        """

    def require(self, shape: Sequence[int]) -> None:
        """Check that data of a shape (C, *sides) can be observed.

        Raises:
            SettingError: They cannot.
        """

    def linearised(self, at: Tensor) -> LinearMap:
        """The Jacobian of the operator at some data, and its transpose.

        Args:
            at: Shape (B, C, *sides). A linear operator is the same at all data.
        """
        at = at.detach()

        def apply(direction: Tensor) -> Tensor:
            if self.is_linear:
                return self.forward(direction)
            output: Tensor = torch.func.jvp(self.forward, (at,), (direction,))[1]
            return output

        def transpose(observed: Tensor) -> Tensor:
            with torch.enable_grad():
                # A linear operator has the same transpose at all data, for any number of rows.
                x0 = at.new_zeros(len(observed), *at.shape[1:]) if self.is_linear else at.clone()
                seen = self.forward(x0.requires_grad_())
            (gradient,) = torch.autograd.grad(seen, x0, observed)
            return gradient

        return LinearMap(apply, transpose)


class FunctionOperator(Operator):
    """Any differentiable function of batches as an operator.

    It has a name in specs, but no file can hold the function itself: an edit with it cannot be made
    again from its provenance alone.
    """

    summary: ClassVar[str] = "a function of your own"
    is_linear: ClassVar[bool] = False

    kind: Literal["function"] = "function"
    name: str
    _function: Callable[[Tensor], Tensor] | None = PrivateAttr(None)

    @classmethod
    def of(cls, function: Callable[[Tensor], Tensor]) -> FunctionOperator:
        """The operator of a function that maps (B, C, *sides) to (B, *out) sample by sample."""
        operator = cls(name=getattr(function, "__qualname__", type(function).__name__))
        operator._function = function
        return operator

    def __eq__(self, other: Any) -> bool:
        return super().__eq__(other) and self._function is other._function

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`.

        Raises:
            SettingError: The operator was read from a file, which cannot hold the function.
        """
        if self._function is None:
            raise SettingError(
                f"The operator '{self.name}' is a function, which no file can hold.",
                hint="call run.edit with the function again.",
            )
        return self._function(x0)


class LinearFunction(FunctionOperator):
    """A linear function of batches as an operator."""

    summary: ClassVar[str] = "a linear function of your own"
    is_linear: ClassVar[bool] = True

    kind: Literal["linear-function"] = "linear-function"  # type: ignore[assignment]

    def require(self, shape: Sequence[int]) -> None:
        """Check that the function is linear.

        Raises:
            SettingError: It is not.
        """
        u, v = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0)).unbind()
        with torch.no_grad():
            both, apart = self.forward(u - 2 * v), self.forward(u) - 2 * self.forward(v)
        if not torch.allclose(both, apart, rtol=1e-3, atol=1e-4 * float(apart.abs().max())):
            raise SettingError(
                f"The operator '{self.name}' is not linear.",
                hint="pass the function as it is: any differentiable function can be an operator.",
            )
