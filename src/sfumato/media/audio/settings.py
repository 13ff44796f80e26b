"""Settings for audio: reading, representation and augmentation."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sfumato.data.index import Index
from sfumato.errors import DataError
from sfumato.sound.open import audio_header

# A file that is so many times as long as a clip is a recording and not a single sound.
_MANY_CLIPS = 4


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"{value} is not a power of two")
    return value


class WaveformSpec(BaseModel):
    """The samples themselves, in columns of ``patch``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["waveform"] = "waveform"
    patch: int = Field(
        64, ge=1, le=4096, description="samples in a column that the network sees; a power of two"
    )

    _patch = field_validator("patch")(_power_of_two)


class LinesSpec(BaseModel):
    """Base of both spectrograms: complex lines over frequency and time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(
        256, ge=64, le=4096, description="samples in a window, a power of two; the hop is half"
    )
    power: float = Field(
        0.5, gt=0, le=1, description="magnitudes are raised to it, so that soft parts count"
    )
    scales: tuple[float, ...] | None = Field(
        None, description="what each of the window / 2 bins is divided by; measured on the data"
    )

    _window = field_validator("window")(_power_of_two)

    @model_validator(mode="after")
    def _one_scale_a_bin(self) -> Self:
        if self.scales is None:
            return self
        if len(self.scales) != self.window // 2:
            raise ValueError(
                f"there are {len(self.scales)} scales for the {self.window // 2} bins of a window "
                f"of {self.window}"
            )
        if not all(math.isfinite(scale) and scale > 0 for scale in self.scales):
            raise ValueError("scales must be finite and above 0")
        return self


class SpectrogramSpec(LinesSpec):
    """A spectrogram with its own phases."""

    kind: Literal["spectrogram"] = "spectrogram"


class AdvanceSpec(LinesSpec):
    """A spectrogram whose phases are advances since the previous frame."""

    kind: Literal["advance"] = "advance"


class AudioSettings(BaseModel):
    """How files become clips of one length, and how clips are represented and augmented."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["audio"] = "audio"
    rate: int = Field(16_000, ge=4_000, le=192_000, description="samples in a second")
    seconds: float = Field(1.0, ge=0.05, le=60, description="length of every clip")
    channels: Literal["auto", "mono", "stereo"] = Field(
        "mono", description="auto: stereo if any file has two channels or more, else mono"
    )
    cut: Literal["auto", "start", "middle", "all"] = Field(
        "auto",
        description="part of a longer file that is used: its start, its middle, or all, every "
        "stretch in turn (the last one if at least half as long); auto: all of files that are "
        "four times as long as a clip or longer, and the start of others",
    )
    level: Literal["peak", "loudness", "keep"] = Field(
        "peak",
        description="peak: the largest sample goes to -1 dBFS; loudness: the RMS of the loudest "
        "400 ms goes to -20 dBFS, as far as the peak allows; keep: unchanged",
    )
    trim: float | None = Field(
        60.0,
        gt=0,
        le=120,
        description="trim either end where it is softer than the loudest moment by this number of "
        "decibels; null turns it off",
    )
    floor: float | None = Field(
        60.0,
        gt=0,
        le=120,
        description="audio that is softer than the loudest 400 ms of its file by more than this "
        "number of decibels is not used; null turns it off",
    )
    shift: float = Field(0.0, ge=0, le=60, description="augmentation: largest delay in seconds")
    gain: float = Field(
        0.0, ge=0, le=60, description="augmentation: largest attenuation in decibels"
    )
    flip: bool = Field(
        True, description="augmentation: flip the sign of half of the clips, which is inaudible"
    )
    max_seconds: float = Field(
        3600, gt=0, le=86_400, description="refuse files whose header states a longer duration"
    )
    representation: Annotated[
        WaveformSpec | SpectrogramSpec | AdvanceSpec, Field(discriminator="kind")
    ] = Field(default_factory=AdvanceSpec, description="representation of a clip for the network")

    @model_validator(mode="after")
    def _shift_leaves_something(self) -> AudioSettings:
        if self.shift >= self.seconds:
            raise ValueError(
                f"shift is {self.shift:g} s, which leaves nothing of a clip of {self.seconds:g} s"
            )
        return self

    @property
    def samples(self) -> int:
        """Number of samples of a clip, per channel."""
        return round(self.rate * self.seconds)

    def uses_all(self, seconds: float | None) -> bool:
        """Whether a file of this duration is used whole, as one clip or more.

        Args:
            seconds: The duration; None if it is not known.
        """
        if self.cut == "auto":
            return seconds is not None and seconds >= _MANY_CLIPS * self.seconds
        return self.cut == "all"

    def resolve(self, index: Index) -> AudioSettings:
        """Resolve ``channels="auto"`` from the data.

        The headers of all files are read, up to the first one with two or more channels, which
        gives ``stereo``; else the result is ``mono``.

        Raises:
            MissingExtra: soundfile is not installed.
        """
        if self.channels != "auto":
            return self
        for item in index.items:
            try:
                header = audio_header(index.file(item))
            except DataError:
                continue
            if header.channels > 1:
                return self.model_copy(update={"channels": "stereo"})
        return self.model_copy(update={"channels": "mono"})
