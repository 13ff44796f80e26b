"""All further inputs of a backbone, encoded and joined."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sfumato.errors import SettingError
from sfumato.nets.attention import Context
from sfumato.nets.encoders import Encoded
from sfumato.nets.inputs import Input

RESERVED = ("x", "level", "label", "length", "segments")
"""Names that an input cannot have, because the parameters of backbones have them."""


class InputEncoders(nn.Module):
    """The modules that read the inputs of a backbone, and what these are together.

    Vectors are added up. States of words follow each other, after one learnt state that is always
    there, so that attention without any words is well defined. Signals lie beside each other.
    Without inputs it has no weights.

    Args:
        inputs: The inputs by name.
        width: The size of the conditioning vector.

    Attributes:
        context: The size of the states that attention reads; 0 if there are none.
        channels: The number of channels beside those of the state.

    Raises:
        SettingError: An input has a name that it cannot have, or the sizes of states differ.
    """

    def __init__(self, inputs: Mapping[str, Input], width: int) -> None:
        super().__init__()
        for name in inputs:
            _require_free(name)
        self.descriptions = dict(inputs)
        self.context = _common_size(inputs)
        self.channels = sum(one.channels_beside for one in inputs.values())
        # A ModuleDict refuses the names of its own methods, such as 'type', without the prefix.
        self.encoders = nn.ModuleDict(
            {f"input_{name}": one.build(width) for name, one in inputs.items()}
        )
        self.always = nn.Parameter(torch.randn(self.context)) if self.context else None

    def forward(self, values: Mapping[str, Tensor | None], x: Tensor) -> Encoded:
        """Encode the inputs of a batch.

        Args:
            values: The inputs by name; one that is None or absent is unknown for every sample.
            x: The state, (B, C, *sides).

        Returns:
            The effects of all inputs together; ``context`` has L + 1 states for L words.

        Raises:
            SettingError: A name is not that of an input, or a signal has other sides than `x`.
        """
        for name in values:
            self._require_known(name)
        found = []
        for name, described in self.descriptions.items():
            value = values.get(name)
            value = described.unknown(x) if value is None else value
            found.append(self.encoders[f"input_{name}"](value))
        vectors = [one.vector for one in found if one.vector is not None]
        signals = [one.signal for one in found if one.signal is not None]
        return Encoded(
            vector=torch.stack(vectors).sum(dim=0) if vectors else None,
            context=self._joined([one.context for one in found if one.context is not None]),
            signal=_beside(signals, x) if signals else None,
        )

    def _joined(self, contexts: list[Context]) -> Context | None:
        if self.always is None:
            return None
        batch = len(contexts[0].mask)
        always = self.always.to(contexts[0].states.dtype).expand(batch, 1, -1)
        there = contexts[0].mask.new_ones(batch, 1)
        return Context(
            torch.cat([always, *(one.states for one in contexts)], dim=1),
            torch.cat([there, *(one.mask for one in contexts)], dim=1),
        )

    def _require_known(self, name: str) -> None:
        if name not in self.descriptions:
            raise SettingError(
                f"An input '{name}' was given to a backbone without it.",
                why=f"it was built with: {', '.join(self.descriptions) or 'no further inputs'}.",
                hint="build it with this input, or leave the input out.",
            )


def _require_free(name: str) -> None:
    if name in RESERVED or "." in name or not name:
        raise SettingError(
            f"An input of a backbone cannot have the name '{name}'.",
            why="it needs a name without dots that no other parameter of backbones has.",
            hint=f"choose a name other than {', '.join(RESERVED)}.",
        )


def _common_size(inputs: Mapping[str, Input]) -> int:
    """The size of the states of words, which follow each other and so have one size."""
    sizes = {name: one.context for name, one in inputs.items() if one.context}
    if len(set(sizes.values())) > 1:
        raise SettingError(
            "The inputs of words have states of different sizes.",
            why=", ".join(f"{name}: {size}" for name, size in sizes.items()),
            hint="use one width for all of them.",
        )
    return max(sizes.values(), default=0)


def _beside(signals: list[Tensor], x: Tensor) -> Tensor:
    for signal in signals:
        if signal.shape[2:] != x.shape[2:]:
            raise SettingError(
                f"A signal has sides {tuple(signal.shape[2:])}, the state {tuple(x.shape[2:])}.",
                hint="bring the signal to the size of the state.",
            )
    return torch.cat(signals, dim=1).to(x.dtype)
