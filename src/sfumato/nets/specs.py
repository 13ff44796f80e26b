"""Backbones as data: typed, frozen descriptions that are checked, saved as JSON and built.

The fields of a spec are the settings of the network it builds, by the same names.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sfumato.errors import SettingError
from sfumato.nets import GROUP, ActivationName, require_multiple
from sfumato.nets.inputs import Input
from sfumato.registry import Part, Registry

if TYPE_CHECKING:
    from torch import nn


class BackboneSpec(Part):
    """Base of the specs of backbones for numbers."""

    axes: Literal[1, 2] = Field(
        default=2, description="1 for waveforms, 2 for images and spectrograms"
    )

    @property
    @abstractmethod
    def multiple(self) -> int:
        """The number of which every side of the input must be a multiple."""

    @abstractmethod
    def network(self, channels: int, **settings: Any) -> nn.Module:
        """The network with these settings."""

    def build(
        self,
        channels: int,
        sides: Sequence[int],
        classes: int = 0,
        lengths: bool = False,
        out_channels: int | None = None,
        inputs: Mapping[str, Input] | None = None,
    ) -> nn.Module:
        """A fresh network; its weights are drawn from torch's global generator.

        Args:
            channels: Channels of the input.
            sides: Sides of the inputs, one per axis; they are checked, and fix no weight.
            classes: Number of labels; 0 for none.
            lengths: Whether the filled share of the input is a condition of the network.
            out_channels: Channels of the output; those of the input if None.
            inputs: Further inputs of the network by name; `network` gets them if there are some.

        Raises:
            SettingError: There is not one side per axis, or one is not a multiple of `multiple`.
        """
        if len(sides) != self.axes:
            raise SettingError(
                f"A backbone of {self.axes} axes cannot take data of {len(sides)}.",
                hint=f"--settings backbone.axes={len(sides)}",
            )
        require_multiple(sides, self.multiple)
        settings = self.model_dump(exclude={"kind"})
        given = {"classes": classes, "lengths": lengths, "out_channels": out_channels}
        if inputs:
            settings["inputs"] = inputs
        return self.network(channels, **given, **settings)


class UNetSpec(BackboneSpec):
    """A U-Net (`sfumato.nets.unet.UNet`)."""

    kind: Literal["unet"] = "unet"
    widths: tuple[Annotated[int, Field(ge=GROUP, le=4096, multiple_of=GROUP)], ...] = Field(
        default=(64, 128, 256),
        min_length=1,
        max_length=8,
        description=f"channels at each level, finest first; multiples of {GROUP}",
    )
    blocks: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        default=(1, 2, 3),
        description="residual blocks at each level; all but the last level have them twice",
    )
    attention: tuple[bool, ...] = Field(
        default=(False, False, True), description="which levels have attention"
    )
    patch: Literal[1, 2, 4, 8] = Field(
        default=2, description="side of the patches that make the finest level"
    )
    head_dim: int = Field(default=64, ge=4, le=256, multiple_of=4, description="size of a head")
    embedding: int = Field(
        default=256, ge=16, le=4096, description="size of the conditioning vector"
    )
    placed: bool = Field(
        default=False,
        description="tell every cell where it lies, as spectrograms need",
    )
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="dropout in residual blocks")

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        levels = len(self.widths)
        for name, values in (("blocks", self.blocks), ("attention", self.attention)):
            if len(values) != levels:
                raise ValueError(
                    f"{name} has {len(values)} levels but widths has {levels}; give one of each"
                )
        for width, attends in zip(self.widths, self.attention, strict=True):
            if attends and width % self.head_dim:
                raise ValueError(
                    f"a level with attention is {width} wide, "
                    f"which is not a multiple of head_dim={self.head_dim}"
                )
        return self

    @property
    def multiple(self) -> int:
        """The number of which every side of the input must be a multiple."""
        return int(self.patch) << (len(self.widths) - 1)

    def network(self, channels: int, **settings: Any) -> nn.Module:
        """See `BackboneSpec.network`."""
        from sfumato.nets.unet import UNet

        return UNet(channels, **settings)


def _require_divided(dim: int, heads: int) -> None:
    if dim % (4 * heads):
        raise ValueError(
            f"dim={dim} is not a multiple of {4 * heads}; each of the "
            f"{heads} heads needs a multiple of 4 channels"
        )


class TransformerSpec(BackboneSpec):
    """A transformer on patches (`sfumato.nets.transformer.PatchTransformer`)."""

    kind: Literal["transformer"] = "transformer"
    patch: int = Field(default=4, ge=1, le=1024, description="side of a patch")
    dim: int = Field(default=256, ge=16, le=8192, description="size of a token")
    depth: int = Field(default=6, ge=1, le=128, description="number of blocks")
    heads: int = Field(default=4, ge=1, le=128, description="number of heads")
    activation: ActivationName = Field(default="gelu", description="of the MLPs")

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        _require_divided(self.dim, self.heads)
        return self

    @property
    def multiple(self) -> int:
        """The number of which every side of the input must be a multiple."""
        return self.patch

    def network(self, channels: int, **settings: Any) -> nn.Module:
        """See `BackboneSpec.network`."""
        from sfumato.nets.transformer import PatchTransformer

        return PatchTransformer(channels, **settings)


BACKBONES: Registry[BackboneSpec] = Registry("backbone", BackboneSpec, (UNetSpec, TransformerSpec))
"""The backbones for numbers by their `kind`."""

Backbone = Annotated[BackboneSpec, BACKBONES]
"""Any backbone for numbers with its settings, as read from a spec."""


class TokenBackboneSpec(Part):
    """Base of the specs of backbones for tokens."""

    @property
    def uses_level(self) -> bool:
        """Whether the network depends on the noise level; only the uniform process needs that."""
        return False

    @abstractmethod
    def build(self, size: int, states: int, context: int, classes: int = 0) -> nn.Module:
        """A fresh network; its weights are drawn from torch's global generator.

        Args:
            size: Number of clean tokens.
            states: Number of tokens that a state can hold.
            context: About the longest text to come, in tokens.
            classes: Number of labels; 0 for none.
        """


class TokenTransformerSpec(TokenBackboneSpec):
    """A transformer on tokens (`sfumato.nets.transformer.TokenTransformer`)."""

    kind: Literal["token-transformer"] = "token-transformer"
    dim: int = Field(default=256, ge=16, le=8192, description="size of a token's vector")
    depth: int = Field(default=6, ge=1, le=128, description="number of blocks")
    heads: int = Field(default=4, ge=1, le=128, description="number of heads")
    activation: ActivationName = Field(default="gelu", description="of the MLPs")
    timed: bool = Field(default=False, description="tell the network the noise level")

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        _require_divided(self.dim, self.heads)
        return self

    @property
    def uses_level(self) -> bool:
        """Whether the field ``timed`` is set."""
        return self.timed

    def build(self, size: int, states: int, context: int, classes: int = 0) -> nn.Module:
        """See `TokenBackboneSpec.build`."""
        from sfumato.nets.transformer import TokenTransformer

        settings = self.model_dump(exclude={"kind"})
        return TokenTransformer(size, states, context, classes=classes, **settings)


TOKEN_BACKBONES: Registry[TokenBackboneSpec] = Registry(
    "backbone of tokens", TokenBackboneSpec, (TokenTransformerSpec,)
)
"""The backbones for tokens by their `kind`."""

TokenBackbone = Annotated[TokenBackboneSpec, TOKEN_BACKBONES]
"""Any backbone for tokens with its settings, as read from a spec."""
