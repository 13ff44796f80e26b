"""The course of a training, as plots."""

from __future__ import annotations

_LOSSES = ("held-out loss", "training loss on the same noise")
_BITS = ("held-out bits per character", "training bits per character")
