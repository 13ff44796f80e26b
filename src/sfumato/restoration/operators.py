"""The registry of operators, and several operators as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.registry import Registry
from sfumato.restoration.blur import Blur, Kernel, Motion
from sfumato.restoration.grey import Grey
from sfumato.restoration.jpeg import JPEG
from sfumato.restoration.levels import BitDepth, Clip
from sfumato.restoration.mask import Mask
from sfumato.restoration.operator import FunctionOperator, Operator
from sfumato.restoration.projection import Projection
from sfumato.restoration.resample import Mean, Resample


class Identity(Operator):
    """The data themselves, of which an observation with noise is to be denoised."""

    summary: ClassVar[str] = "the data themselves, for denoising"

    kind: Literal["identity"] = "identity"

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        return x0


OPERATORS: Registry[Operator] = Registry(
    "operator",
    Operator,
    (
        Identity,
        Mask,
        Mean,
        Resample,
        Blur,
        Motion,
        Kernel,
        Grey,
        Projection,
        Clip,
        BitDepth,
        JPEG,
        FunctionOperator,
    ),
)
"""The operators by their ``kind``; each class has a ``summary`` of one line."""

AnyOperator = Annotated[Operator, OPERATORS]
"""Any operator with its settings, as read from a spec."""


@OPERATORS.register
class Sequential(Operator):
    """Several operators, each applied to what the one before observes.

    A sequence is no part of another one, so that no spec is nested deeply; :meth:`of` joins them.
    """

    summary: ClassVar[str] = "several operators, one after the other"

    kind: Literal["sequential"] = "sequential"
    operators: Annotated[
        tuple[
            Annotated[Operator, OPERATORS.only(lambda cls: not issubclass(cls, Sequential))], ...
        ],
        Field(min_length=1, max_length=16),
    ] = Field(description="the operators, the one that is applied to the data first")

    @classmethod
    def of(cls, *operators: Operator) -> Sequential:
        """The sequence of some operators, the one that is applied to the data first."""
        single: list[Operator] = []
        for operator in operators:
            single += operator.operators if isinstance(operator, Sequential) else (operator,)
        return cls(operators=tuple(single))

    @property
    def is_linear(self) -> bool:  # type: ignore[override]  # Of its operators, not of the class.
        """Whether all operators are linear."""
        return all(operator.is_linear for operator in self.operators)

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`; each operator has to fit what the one before observes."""
        x = torch.zeros(1, *shape)
        for operator in self.operators:
            operator.require(x.shape[1:])
            with torch.no_grad():
                x = operator.forward(x)

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        for operator in self.operators:
            x0 = operator.forward(x0)
        return x0
