"""Representations of audio for the network: the waveform, or its complex spectrogram.

Both are exact: ``decode`` inverts ``encode`` up to rounding, so no phases have to be estimated. The
time axis of ``x0`` is the last one, padded with silence to a multiple of the columns that networks
need.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from sfumato.dsp import analyse, frame_count, synthesise
from sfumato.media.audio.settings import AdvanceSpec, LinesSpec, WaveformSpec

# Networks divide an axis into patches of 4 halved three times, or patches of 32.
_COLUMNS = 32
# The length of a waveform is a multiple of this many patches.
_PATCHES = 8
# Below this modulus, -160 dB and so far below a step of 16-bit samples, compression is linear, so
# that its slope stays finite.
_LINEAR = 1e-8
_STD = 0.5
# Least scale relative to that of the loudest bin: -30 dB.
_RANGE = 10 ** (-30 / 20)
_CLIPS_AT_ONCE = 64

SpecT = TypeVar("SpecT", bound=LinesSpec)


class Representation(ABC):
    """An invertible map from clips to ``x0``.

    Attributes:
        axes: Dimensions of ``x0`` beside batch and channels; the last one is time.
    """

    axes: ClassVar[int]

    @abstractmethod
    def shape(self, channels: int, samples: int) -> tuple[int, ...]:
        """The shape of the ``x0`` of one clip, without the batch."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Encode clips (B, C, N), float32 or float64 with full scale 1, to the same dtype."""

    @abstractmethod
    def decode(self, x0: Tensor, samples: int) -> Tensor:
        """Decode any finite ``x0`` to finite clips of shape (B, C, samples).

        Raises:
            ValueError: ``x0`` is too short for ``samples``.
        """

    @abstractmethod
    def known(self, samples: Tensor) -> Tensor:
        """Which places of time of ``x0`` follow from known samples alone.

        Args:
            samples: Whether each sample of a clip is known, bool of shape (N,).

        Returns:
            bool, shape (T,), T the last side of ``x0``; the added silence is known.
        """

    @abstractmethod
    def decode_like(self, x0: Tensor, clip: Tensor) -> Tensor:
        """Decode ``x0`` with the phases before each frame, where it has none, of a clip.

        Args:
            x0: Shape (B, ...).
            clip: Shape (1, C, N).

        Returns:
            Shape (B, C, N).
        """

    @abstractmethod
    def near(self, clip: Tensor) -> Callable[[Tensor], Tensor]:
        """A linear function that decodes what is near a clip, for observations of waveforms.

        It is exact where ``x0`` has the moduli of the clip, and where it is 0; with phase advances
        the phases have to be those of the clip, in the previous frame.

        Args:
            clip: Shape (1, C, N).

        Returns:
            Maps ``x0`` of shape (B, ...) to waveforms (B, C, N).
        """


class Waveform(Representation):
    """The samples themselves, (C, N'), with N' a multiple of 8 patches."""

    axes = 1

    def __init__(self, spec: WaveformSpec) -> None:
        self._multiple = spec.patch * _PATCHES

    def shape(self, channels: int, samples: int) -> tuple[int, int]:
        """(C, N')."""
        return channels, _rounded_up(samples, self._multiple)

    def encode(self, x: Tensor) -> Tensor:
        """Add silence at the end."""
        return pad(x, (0, -x.shape[-1] % self._multiple))

    def decode(self, x0: Tensor, samples: int) -> Tensor:
        """Remove the added silence."""
        if samples > x0.shape[-1]:
            raise ValueError(f"{x0.shape[-1]} samples do not hold {samples}")
        return x0[..., :samples]

    def known(self, samples: Tensor) -> Tensor:
        """See :meth:`Representation.known`."""
        return pad(samples, (0, -len(samples) % self._multiple), value=True)

    def decode_like(self, x0: Tensor, clip: Tensor) -> Tensor:
        """See :meth:`Representation.decode_like`; samples have no phases."""
        return self.decode(x0, clip.shape[-1])

    def near(self, clip: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Representation.near`; exact everywhere."""
        return lambda x0: self.decode(x0, clip.shape[-1])


class Spectrogram(Representation):
    """Complex lines of a short-time Fourier transform, with their moduli compressed.

    ``x0`` has shape (2 C, window / 2, frames): the real and the imaginary part of each channel in
    turn, frequencies from low to high, and frames half a window apart, in a multiple of 32. A line
    ``S`` becomes ``S |S|^(power - 1) / scale``, the amplitude transformation of Richter et al. 2023
    (SGMSE+, arXiv:2208.05830) with a scale per bin. The two real lines that share bin 0 are
    compressed separately, so that they do not mix. Below a modulus of 1e-8 the compression is
    linear.

    Decoding limits every modulus to twice the maximum of a line of audio in [-1, 1], because the
    power ``1 / power`` would amplify outliers.
    """

    axes = 2

    def __init__(self, spec: LinesSpec) -> None:
        self._window, self._power = spec.window, spec.power
        scales = (1.0,) * (spec.window // 2) if spec.scales is None else spec.scales
        self._scales = torch.tensor(scales, dtype=torch.float64)[:, None, None]
        # The sum of a frame's window, over sqrt(window): the largest modulus of a line of audio in
        # [-1, 1], which the line at frequency 0 of a constant reaches.
        largest = 1 / (math.sqrt(spec.window) * math.sin(math.pi / (2 * spec.window)))
        self._limit = 2 * largest

    def shape(self, channels: int, samples: int) -> tuple[int, int, int]:
        """(2 C, bins, frames)."""
        frames = _rounded_up(frame_count(samples, self._window), _COLUMNS)
        return 2 * channels, self._window // 2, frames

    def encode(self, x: Tensor) -> Tensor:
        """Transform, compress, scale, and add silent frames at the end."""
        parts = torch.view_as_real(self._rotated(analyse(x, self._window)))
        energy = _energy(parts).clamp_min(_LINEAR**2)
        parts = parts * energy ** ((self._power - 1) / 2) / self._scales.to(parts)
        x0 = parts.movedim(-1, 2).flatten(1, 2)
        return pad(x0, (0, -x0.shape[-1] % _COLUMNS))

    def decode(self, x0: Tensor, samples: int) -> Tensor:
        """Invert :meth:`encode`."""
        return self.synthesise(self.lines(x0), samples)

    def analyse(self, x: Tensor) -> Tensor:
        """The lines of clips (B, C, N), complex, shape (B, C, bins, frames of ``x0``)."""
        lines = analyse(x, self._window)
        return pad(lines, (0, -lines.shape[-1] % _COLUMNS))

    def synthesise(self, lines: Tensor, samples: int) -> Tensor:
        """Clips of shape (B, C, samples) from their lines."""
        return synthesise(lines, self._window, samples)

    def lines(self, x0: Tensor) -> Tensor:
        """The lines of ``x0`` with their own phases, complex, shape (B, C, bins, frames)."""
        parts = self._parts(x0)
        return self._rotated_back(torch.complex(*(parts * self._gains(parts)).unbind(-1)))

    def decode_like(self, x0: Tensor, clip: Tensor) -> Tensor:
        """See :meth:`Representation.decode_like`."""
        parts = self._parts(x0)
        own = torch.complex(*(parts * self._gains(parts)).unbind(-1))
        return self.synthesise(own * self._carrier(self.analyse(clip)), clip.shape[-1])

    def known(self, samples: Tensor) -> Tensor:
        """See :meth:`Representation.known`."""
        return self.whole_frames(samples)

    def whole_frames(self, samples: Tensor) -> Tensor:
        """The frames that lie wholly in known samples (N,), bool, shape (frames,)."""
        hop = self._window // 2
        frames = self.shape(1, len(samples))[-1]
        halves = pad(samples, (hop, frames * hop - len(samples)), value=True)
        whole: Tensor = halves.reshape(-1, hop).all(1)
        return whole[:-1] & whole[1:]

    def near(self, clip: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Representation.near`: the compression is undone with the clip's factors."""
        lines, samples = self.analyse(clip), clip.shape[-1]
        gains, carrier = self._gains(self._parts(self.encode(clip))), self._carrier(lines)

        def decode(x0: Tensor) -> Tensor:
            parts = self._parts(x0) * gains.to(x0)
            turned = torch.complex(*parts.unbind(-1))
            return self.synthesise(turned * carrier.to(turned), samples)

        return decode

    def _parts(self, x0: Tensor) -> Tensor:
        """Compressed lines before they are scaled, shape (B, C, bins, frames, 2)."""
        parts = x0.reshape(len(x0), -1, 2, *x0.shape[2:]).movedim(2, -1)
        return parts * self._scales.to(x0)

    def _gains(self, parts: Tensor) -> Tensor:
        """The factors that undo the compression, limited as decoding is."""
        modulus = _energy(parts).clamp_min(_LINEAR ** (2 * self._power)).sqrt()
        limited = modulus.clamp_max(self._limit**self._power)
        return limited ** (1 / self._power) / modulus

    def _carrier(self, lines: Tensor) -> Tensor:
        """The rotation between the phases that the network sees and those of some lines."""
        return torch.ones_like(lines)

    def _rotated(self, lines: Tensor) -> Tensor:
        """Lines with the phases that the network sees, and the same moduli."""
        return lines

    def _rotated_back(self, lines: Tensor) -> Tensor:
        """The inverse of :meth:`_rotated`."""
        return lines


class Advance(Spectrogram):
    """A spectrogram whose phases are advances since the previous frame.

    The phase is ``theta_t - theta_{t-1}``, where ``theta`` is the phase without the half turns that
    the centre frequency of its bin makes from frame to frame. A steady tone gives the same number
    in every frame, wherever in time it began, while its own phase rotates; unpitched audio has
    random phases either way. Phase differences are those of the phase vocoder (Flanagan & Golden
    1966); Engel et al. 2019 (GANSynth, arXiv:1902.08710, section 2.2) generate them as angles, here
    they stay the directions of complex numbers, which do not wrap.

    A line that is zero has no phase and keeps that of the previous frame. The two real lines of
    bin 0 are unchanged.
    """

    def _rotated(self, lines: Tensor) -> Tensor:
        theta = _forward_filled(lines.angle() - self._turns(lines), lines != 0)
        moved = torch.polar(lines.abs(), theta - pad(theta[..., :-1], (1, 0)))
        return torch.cat([lines[..., :1, :], moved[..., 1:, :]], -2)

    def _rotated_back(self, lines: Tensor) -> Tensor:
        # In float64, as an error in one frame propagates to all later frames.
        theta = lines.angle().double().cumsum(-1) + self._turns(lines).double()
        turned = torch.polar(lines.abs(), theta.remainder(2 * math.pi).to(lines.abs().dtype))
        return torch.cat([lines[..., :1, :], turned[..., 1:, :]], -2)

    def _carrier(self, lines: Tensor) -> Tensor:
        """See :meth:`Spectrogram._carrier`: the phases of the frame before."""
        turns = self._turns(lines)
        theta = _forward_filled(lines.angle() - turns, lines != 0)
        phases = pad(theta[..., :-1], (1, 0)) + turns
        turned = torch.polar(torch.ones_like(phases), phases)
        return torch.cat([torch.ones_like(lines[..., :1, :]), turned[..., 1:, :]], -2)

    def known(self, samples: Tensor) -> Tensor:
        """See :meth:`Representation.known`: an advance also depends on the previous frame."""
        whole = super().known(samples)
        return whole & pad(whole[:-1], (1, 0), value=True)

    def _turns(self, lines: Tensor) -> Tensor:
        """The phase of the centre frequency of each bin: half a turn times its number per hop."""
        bins, frames = lines.shape[-2:]
        halves = torch.arange(bins)[:, None] * torch.arange(frames) % 2
        return (halves * math.pi).to(lines.abs())


def _forward_filled(values: Tensor, valid: Tensor) -> Tensor:
    """Replace invalid values by the previous valid one along the last axis, or by 0."""
    places = torch.arange(values.shape[-1], device=values.device)
    last = torch.where(valid, places, -1).cummax(-1).values
    return torch.where(last < 0, 0.0, values.gather(-1, last.clamp_min(0)))


def build(spec: WaveformSpec | LinesSpec) -> Representation:
    """The representation that a spec describes."""
    if isinstance(spec, WaveformSpec):
        return Waveform(spec)
    return Advance(spec) if isinstance(spec, AdvanceSpec) else Spectrogram(spec)


def measured(spec: SpecT, clips: Tensor) -> SpecT:
    """Measure the scales on data, so that every bin of ``x0`` has the standard deviation 0.5.

    A bin's scale is twice its root mean square over all clips, silence at their ends included.
    Squares are averaged over neighbouring bins with the weights 1/4, 1/2, 1/4, so that no bin gets
    a deviation above 0.5 * sqrt(2) however sharp a peak is; bin 0, which holds two special lines,
    is left out of the average. No scale is more than 30 dB below the greatest, so that nearly empty
    bins stay small. If all clips are silent, the scales are 1.

    Args:
        spec: The spec of the spectrogram; its own scales are ignored.
        clips: float32 or float64, shape (M, C, N), M >= 1.

    Returns:
        The same spec with its scales, to four digits.

    Raises:
        ValueError: There are no clips.
    """
    if not len(clips):
        raise ValueError("no clips to measure")
    plain = build(spec.model_copy(update={"scales": None}))
    total = torch.zeros(spec.window // 2, dtype=torch.float64)
    for some in torch.split(clips, _CLIPS_AT_ONCE):
        total += plain.encode(some).double().square().mean((1, 3)).sum(0).cpu()
    energy = total / len(clips)
    neighbours = torch.cat([energy[1:2], energy[1:], energy[-1:]])
    energy[1:] = (neighbours[:-2] + 2 * neighbours[1:-1] + neighbours[2:]) / 4
    scales = energy.sqrt() / _STD
    scales = scales.clamp_min(scales.max() * _RANGE) if scales.any() else torch.ones_like(scales)
    return spec.model_copy(update={"scales": tuple(float(f"{s:.4g}") for s in scales.tolist())})


def _energy(parts: Tensor) -> Tensor:
    """|S|^2 of lines whose last dimension is (real, imaginary), broadcast to their shape.

    Dimension -3 is frequency; the two parts of bin 0 are separate lines.
    """
    own = parts.square()
    both = own.sum(-1, keepdim=True).expand_as(own)
    return torch.cat([own[..., :1, :, :], both[..., 1:, :, :]], -3)


def _rounded_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
