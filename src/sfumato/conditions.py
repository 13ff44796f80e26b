"""Conditions: the inputs of a denoiser besides the state and the time.

    denoiser(x_t, t, **conditions)

A condition has a name and a tensor with one row for each sample. A backbone takes the conditions
that it has parameters for. In use are

    label      class numbers, int64, shape (B,); the number of classes stands for "unknown"
    length     the share of its extent that an item fills, in (0, 1], shape (B,)
    segments   which tokens of a text see each other, int64, shape (B, L); -1 is padding
    blend      weights in [0, 1] of a second set of conditions, shape (B,) or (B, 1, *sides)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

Null = float | Tensor
"""The value of a condition that stands for "unknown": a number, which fills the rows, or a tensor,
which is broadcast to each row."""


class Conditions(Mapping[str, Tensor]):
    """The conditions of a batch, from name to tensor: a mapping that cannot be changed.

    It is built like a dictionary, from a mapping, from keywords, or from both. Conditions that are
    None are left out. The engine moves and splits it like any other part of a batch.

    Args:
        conditions: Tensors by name, each with B rows, or None.
        **named: More conditions, which replace those of the same name in the mapping.

    Raises:
        TypeError: A condition is not a tensor.
        ValueError: The conditions differ in their number of rows.
    """

    __slots__ = ("_tensors",)

    def __init__(
        self, conditions: Mapping[str, Tensor | None] | None = None, /, **named: Tensor | None
    ) -> None:
        merged = {**(conditions or {}), **named}
        self._tensors = {name: value for name, value in merged.items() if value is not None}
        for name, value in self._tensors.items():
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"the condition '{name}' should be a tensor with one row for each sample, "
                    f"not {type(value).__name__}"
                )
        rows = {name: tuple(value.shape[:1]) for name, value in self._tensors.items()}
        if len(set(rows.values())) > 1 or () in rows.values():
            raise ValueError(f"conditions should have one row for each sample, but have {rows}")

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {tuple(value.shape)}" for name, value in self.items())
        return f"Conditions({shapes})"

    def __eq__(self, other: object) -> bool:
        """Whether the other mapping has the same names and equal tensors."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(
            isinstance(other[name], Tensor) and torch.equal(value, other[name])
            for name, value in self.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Mapping[str, Tensor | None]) -> Conditions:
        """These conditions and those of ``other``, which replace the ones of the same name."""
        return Conditions({**self, **other})

    def map(self, change: Callable[[Tensor], Tensor]) -> Conditions:
        """The conditions with a function applied to each tensor."""
        return Conditions({name: change(value) for name, value in self.items()})

    def to(self, device: torch.device | str) -> Conditions:
        """The conditions on a device."""
        return self.map(lambda value: value.to(device))

    def rows(self, rows: slice | Tensor) -> Conditions:
        """The conditions of some samples.

        Args:
            rows: A slice, indices (int64, shape (n,)) or a choice (bool, shape (B,)).
        """
        return self.map(lambda value: value[rows])

    def repeat(self, times: int) -> Conditions:
        """The conditions of the batch repeated ``times`` times, ``times * B`` rows."""
        return self.map(lambda value: torch.cat([value] * times))

    def concatenate(self, *others: Conditions) -> Conditions:
        """The conditions of several batches in a row, these first.

        Raises:
            ValueError: The batches differ in the names of their conditions.
        """
        for other in others:
            if other.keys() != self.keys():
                raise ValueError(
                    f"cannot concatenate conditions named {sorted(self)} and {sorted(other)}"
                )
        return Conditions(
            {name: torch.cat([value, *(o[name] for o in others)]) for name, value in self.items()}
        )

    def null(self, nulls: Mapping[str, Null]) -> Conditions:
        """The conditions with those named in ``nulls`` replaced by their null values.

        Args:
            nulls: Null values by name; names of conditions that are not here are ignored.
        """
        return Conditions(
            {
                name: _filled(value, nulls[name]) if name in nulls else value
                for name, value in self.items()
            }
        )


def drop_labels(labels: Tensor, u: Tensor, rate: float, null: int) -> Tensor:
    """Replace a share of the labels by the null label, as classifier-free guidance needs.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), algorithm 1.

    Args:
        labels: Shape (B,), int64.
        u: Uniform numbers in [0, 1), shape (B,).
        rate: Share to drop, in [0, 1].
        null: The index that stands for "no label".
    """
    return torch.where(u.to(labels.device) < rate, torch.full_like(labels, null), labels)


def drop(
    conditions: Conditions,
    nulls: Mapping[str, Null],
    u: Tensor,
    rates: Mapping[str, float],
    together: float,
) -> Conditions:
    """Hide each condition now and then, and all of them at once, as guidance by each needs.

    Conditions are hidden independently of each other, so that the denoiser learns of every
    combination; and all together at a rate of its own, because rows in which everything is unknown
    would else be rare. Source: Ho & Salimans 2022 (arXiv:2207.12598), algorithm 1; Brooks et al.
    2022 (arXiv:2211.09800), section 3.2.1, for several conditions.

    Args:
        conditions: Conditions with B rows.
        nulls: The null value of each of n conditions that can be hidden, by name; those that are
            not here are ignored.
        u: Independent uniform numbers in [0, 1), shape (B, 1 + n). Column 0 hides all together;
            column ``1 + i`` hides the condition that is number ``i`` of ``nulls``, present or not.
        rates: Share of the rows to hide by name, in [0, 1]; conditions without one are hidden
            together with the others alone.
        together: Share of the rows to hide all conditions of, in [0, 1].

    Raises:
        ValueError: ``u`` has another number of columns, or a name in ``rates`` has no null value.
    """
    if u.shape[1:] != (1 + len(nulls),):
        raise ValueError(f"u should have 1 + {len(nulls)} columns, but has shape {tuple(u.shape)}")
    if not rates.keys() <= nulls.keys():
        raise ValueError(f"no null value for {sorted(rates.keys() - nulls.keys())}")
    unknown = conditions.null(nulls)
    columns = {name: u[:, 1 + i] for i, name in enumerate(nulls)}
    everything = u[:, 0] < together

    def partly(name: str, value: Tensor) -> Tensor:
        if name not in nulls:
            return value
        hidden = everything | (columns[name] < rates.get(name, 0.0))
        rows = hidden.reshape(-1, *(1,) * (value.ndim - 1)).to(value.device)
        return torch.where(rows, unknown[name], value)

    return Conditions({name: partly(name, value) for name, value in conditions.items()})


def _filled(value: Tensor, null: Null) -> Tensor:
    """Rows like those of ``value`` that all hold ``null``, in its dtype and on its device."""
    if isinstance(null, Tensor):
        return null.to(value.device, value.dtype).expand_as(value)
    return torch.full_like(value, null)
