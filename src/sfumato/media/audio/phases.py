"""Restored frames joined to known ones: their phases go on on both sides."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.media.audio.representation import Representation, Spectrogram


def continued(representation: Representation, x0: Tensor, x: Tensor, known: Tensor) -> Tensor:
    """Decode restored data of a sound of which all but one part is known.

    Where phases are sums of advances, those that were restored lead to other phases behind the part
    than the known ones. The difference of each bin is spread evenly over the unknown frames: a
    shift in frequency of at most half a turn over all of them. If nothing is known before the part,
    it is a constant.

    Args:
        representation: The representation.
        x0: Restored data, shape (B, ...).
        x: The known sound, shape (1, C, N).
        known: Which of its samples are known, bool, shape (N,).

    Returns:
        Shape (B, C, N); outside of the part it is only nearly the known sound.
    """
    x0 = torch.where(representation.known(known), representation.encode(x), x0)
    if not isinstance(representation, Spectrogram):
        return representation.decode(x0, x.shape[-1])
    lines, true = representation.lines(x0), representation.analyse(x)
    unknown = (~representation.whole_frames(known)).nonzero()[:, 0]
    first, after = int(unknown[0]), int(unknown[-1]) + 1
    if after < lines.shape[-1]:
        lines = _turned(lines, true, first, after)
        lines = torch.cat([lines[..., :after], true[..., after:].expand_as(lines[..., after:])], -1)
    return representation.synthesise(lines, x.shape[-1])


def _turned(lines: Tensor, true: Tensor, first: int, after: int) -> Tensor:
    """Lines whose frames from ``first`` to ``after`` are rotated to agree with their neighbours."""
    turn = (true[..., after] * lines[..., after].conj()).angle()
    # Bin 0 holds two real lines, which have no phase.
    turn[..., 0] = 0.0
    frames = torch.arange(lines.shape[-1], device=lines.device)
    share = ((frames - first + 1) / (after - first + 1)).clamp(0.0, 1.0)
    share = share if first else torch.ones_like(share)
    angles = turn[..., None] * share.to(turn)
    return lines * torch.polar(torch.ones_like(angles), angles)
