"""Batches as trees of tensors, which the engine moves and splits whatever their content.

A tree is a tensor, or a tuple, list, mapping or dataclass of trees; any other leaf (a step number,
a name) is shared unchanged. The first dimension of every tensor is that of the samples.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Batch = TypeVar("Batch")


def tensors_of(batch: object) -> list[Tensor]:
    """All tensors of a batch, in order."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    _map(note, batch)
    return found


def size(batch: object) -> int:
    """Number of samples of a batch.

    Raises:
        ValueError: The batch has no tensor, or its tensors differ in their first dimension.
    """
    sizes = {tensor.shape[0] for tensor in tensors_of(batch)}
    if len(sizes) != 1:
        raise ValueError(f"the tensors of a batch must agree on one size, found {sorted(sizes)}")
    return sizes.pop()


def split(batch: Batch, parts: int) -> list[Batch]:
    """Split a batch along its samples into at most ``parts`` parts of nearly equal size."""
    if parts == 1:
        return [batch]
    total = size(batch)
    share = -(-total // parts)
    cuts = [slice(low, min(low + share, total)) for low in range(0, total, share)]
    return [_map(operator.itemgetter(cut), batch) for cut in cuts]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move a batch to a device, through pinned memory if the device is CUDA."""
    if device.type != "cuda":
        return _map(lambda x: x.to(device), batch)
    return _map(lambda x: x if x.is_cuda else x.pin_memory().to(device, non_blocking=True), batch)


def _map(change: Callable[[Tensor], Tensor], batch: Batch) -> Batch:
    return cast(Batch, _map_tree(change, batch))


def _map_tree(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, Mapping):
        mapped = {key: _map_tree(change, value) for key, value in tree.items()}
        return mapped if isinstance(tree, dict) else type(tree)(mapped)  # type: ignore[call-arg]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map_tree(change, value) for value in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(_map_tree(change, value) for value in tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = (field.name for field in dataclasses.fields(tree) if field.init)
        return dataclasses.replace(
            tree, **{name: _map_tree(change, getattr(tree, name)) for name in fields}
        )
    return tree
