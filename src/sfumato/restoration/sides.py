"""What operators on the sides of data share: their number, and a matrix applied to one of them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sfumato.errors import SettingError


def require_sides(name: str, shape: Sequence[int], least: int = 1) -> tuple[int, ...]:
    """The sides of data of a shape (C, *sides), of which there are one or two.

    Args:
        name: What the operator is called in the message.
        shape: The shape.
        least: The least number of sides.

    Raises:
        SettingError: There are more, or fewer.
    """
    sides = tuple(shape[1:])
    if not least <= len(sides) <= 2:
        wanted = "two sides" if least == 2 else "one or two sides"
        raise SettingError(
            f"{name} needs data with {wanted}.", why=f"the data have shape {tuple(shape)}"
        )
    return sides


def along(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Apply a matrix to one axis of each sample.

    Each sample is a product of its own in float64, so that its rounding does not depend on the
    other samples, nor on its place among them in memory.

    Args:
        x: Shape (B, ..., n, ...).
        matrix: Shape (m, n), float64, on the device of ``x``.
        axis: The axis of length n, from 1.

    Returns:
        Shape (B, ..., m, ...), with the data type of ``x``.
    """
    *before, size = x.shape[: axis + 1]
    after = x.shape[axis + 1 :]
    if axis == x.ndim - 1:
        rows = x.double().reshape(len(x), -1, size)
        product = rows.bmm(matrix.mT.expand(len(rows), -1, -1))
    else:
        columns = x.double().reshape(-1, size, after.numel())
        product = matrix.expand(len(columns), -1, -1).bmm(columns)
    return product.reshape(*before, len(matrix), *after).to(x.dtype)
