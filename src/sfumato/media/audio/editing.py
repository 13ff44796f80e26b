"""Plans of edits of sounds: what a user wants, checked against the file.

A gap, an extension and a missing band are masks on the numbers of the representation: a frame is
known if it lies wholly in known samples, and a bin if it lies below the band. Noise and clipping
act on the waveform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.media.audio.canvas import Canvas, Sound, batch_of
from sfumato.media.audio.quantities import gap_from, hertz_from, seconds_from
from sfumato.media.audio.representation import Representation, build
from sfumato.media.audio.settings import AudioSettings, WaveformSpec
from sfumato.media.editing import Edit, Wanted
from sfumato.restoration import Clip, Identity, Mask, estimate_noise
from sfumato.sound.joining import FADE_SECONDS

# Standard deviation assumed for values that are known exactly; that of the data is about 0.5.
EXACT = 0.01
# A file without a band has some of it left near the edge, and its lines there differ from those of
# the whole sound.
ROUGH = 0.05
# Lines of the transform that a sine window spreads a frequency over, on either side.
SPREAD_LINES = 2
WAVEFORM_WINDOW = 512
"""Window of the lines on which a missing band is masked where the data are samples."""

Planner = Callable[[Sound, Wanted, AudioSettings], Edit]


def planned(path: Path, wanted: Wanted, settings: AudioSettings) -> Edit:
    """Plan an edit of a sound.

    Args:
        path: The file.
        wanted: What to do to it, with one operation.
        settings: The settings of the run.

    Raises:
        SettingError: It is no operation of sounds, or does not fit the file.
        DataError: The file cannot be read, or is silent.
    """
    names = wanted.operations
    if len(names) != 1:
        raise SettingError(
            f"{len(names)} operations were named, and an edit is one.",
            hint=f"name one of {', '.join(PLANNERS)}.",
        )
    planner = PLANNERS.get(names[0])
    if planner is None:
        raise SettingError(
            f"'{names[0]}' is no edit of sounds.", hint=f"name one of {', '.join(PLANNERS)}."
        )
    if wanted.noise is not None:
        raise SettingError(
            f"'noise' cannot be used with '{names[0]}'.",
            why="what is known of a sound is known without noise",
            hint="remove the noise first: denoise.",
        )
    return planner(Sound.read(path, settings), wanted, settings)


def _gap(sound: Sound, wanted: Wanted, settings: AudioSettings) -> Edit:
    given: Any = wanted.gap
    begin, end = gap_from(given) if isinstance(given, str) else map(float, given)
    seconds = sound.length / settings.rate
    if not 0 <= begin < end < math.inf:
        raise SettingError(
            f"A gap from {begin:g} to {end:g} seconds is not possible.",
            why="it begins at 0 or later, and its end is after its begin",
        )
    first, last = round(begin * settings.rate), round(end * settings.rate)
    if last > sound.length:
        raise SettingError(
            f"The gap from {begin:g} to {end:g} seconds is not within the sound.",
            why=f"the sound has {seconds:.4g} seconds",
            hint="to add to its end, extend it.",
        )
    return _anew("gap", sound, (first, max(last, first + 1)), settings)


def _extend(sound: Sound, wanted: Wanted, settings: AudioSettings) -> Edit:
    given: Any = wanted.extend
    seconds = seconds_from(given) if isinstance(given, str) else float(given)
    count = round(seconds * settings.rate) if math.isfinite(seconds) else 0
    if count < 1:
        raise SettingError(
            f"A sound cannot be extended by {seconds:g} seconds.", hint="name a time such as 2s."
        )
    return _anew("extend", sound, (sound.length, sound.length + count), settings)


def _anew(task: str, sound: Sound, part: tuple[int, int], settings: AudioSettings) -> Edit:
    """The plan of making a part of a sound anew."""
    canvas = Canvas.around(*part, sound.length, settings.samples)
    canvas.require_possible(settings.samples, settings.rate)
    representation = build(settings.representation)
    places = representation.known(known_samples(canvas, part))
    within = range(len(places))[: _places(representation, sound.length - canvas.begin, settings)]
    if not bool(places[within.start : within.stop].any()):
        raise SettingError(
            f"A part of {(part[1] - part[0]) / settings.rate:g} seconds leaves too little.",
            why=f"the sound has {sound.length / settings.rate:.4g} seconds, and none of it beside "
            "the part fills a window of its representation",
            hint="name a shorter part, or sample without a file.",
        )
    fade = min(round(FADE_SECONDS * settings.rate), (part[1] - part[0]) // 2)
    mask = mask_of(places, representation)
    return Edit(task=task, operator=mask, noise=EXACT, region=(part,), feather=fade)


def _bandwidth(sound: Sound, wanted: Wanted, settings: AudioSettings) -> Edit:
    given, most = wanted.bandwidth, settings.rate / 2
    hertz = hertz_from(given) if isinstance(given, str) else float(given or math.nan)
    spec = settings.representation
    window = WAVEFORM_WINDOW if isinstance(spec, WaveformSpec) else spec.window
    line = settings.rate / window
    lowest = (SPREAD_LINES + 1) * line
    if not lowest <= hertz < most:
        raise SettingError(
            f"A bandwidth of {hertz:g} Hz is not possible.",
            why=f"it is from {lowest:g} Hz, where something is known, to below {most:g} Hz, half "
            f"of the run's rate of {settings.rate:,} Hz",
        )
    _require_whole(sound, settings)
    known = known_bins(math.floor(hertz / line) - SPREAD_LINES, window, len(sound.samples))
    return Edit(task="bandwidth", operator=Mask.of(known), noise=ROUGH)


def _declip(sound: Sound, wanted: Wanted, settings: AudioSettings) -> Edit:
    if not sound.cut.any():
        raise SettingError(
            "Nothing in the sound is cut off.",
            why="its largest value is not reached more often than others",
            hint="a sound that was clipped and then made softer in parts, or compressed, cannot be "
            "recognised.",
        )
    if sound.cut.all(axis=1).any():
        raise SettingError("All of a channel is cut off.", why="nothing of it is known")
    _require_whole(sound, settings)
    level = float(abs(sound.samples[sound.cut]).max())
    return Edit(task="declip", operator=Clip(level=level))


def _denoise(sound: Sound, wanted: Wanted, settings: AudioSettings) -> Edit:
    given: Any = wanted.denoise
    noise = _estimated(sound) if given == "auto" else _number(given)
    if not 0 < noise < 1:
        raise SettingError(
            f"The noise cannot have a standard deviation of {noise:g}.",
            why="it is a share of full scale, between 0 and 1",
            hint="0.01 is noise at -40 dBFS; auto estimates it.",
        )
    _require_whole(sound, settings)
    return Edit(task="denoise", operator=Identity(), noise=noise)


def _number(given: Any) -> float:
    try:
        return float(given)
    except ValueError:
        raise SettingError(
            f"The noise '{given}' is no number.", hint="0.01 is noise at -40 dBFS; or auto."
        ) from None


def _estimated(sound: Sound) -> float:
    noise = float(estimate_noise(batch_of(sound.samples)))
    if noise == 0:
        raise SettingError(
            "No noise was found in the sound.", hint="state its standard deviation, such as 0.01."
        )
    return noise


def _require_whole(sound: Sound, settings: AudioSettings) -> None:
    window = settings.samples
    Canvas.whole(sound.length, window).require_possible(window, settings.rate)


def known_samples(canvas: Canvas, part: tuple[int, int]) -> Tensor:
    """Which samples of a canvas are known if a part is not, bool, shape (N,).

    The silence after the end of a sound is known too.
    """
    known = torch.ones(canvas.samples, dtype=torch.bool)
    known[max(0, part[0] - canvas.begin) : max(0, part[1] - canvas.begin)] = False
    return known


def mask_of(places: Tensor, representation: Representation) -> Mask:
    """The mask of data of which some places of time (T,) are known."""
    return Mask.of(places if representation.axes == 1 else places[None])


def known_bins(count: int, window: int, channels: int) -> Tensor:
    """Which numbers of each frame are known if the lowest bins are, shape (2 C, bins, 1).

    The imaginary part of bin 0 is the line at half the rate, and so it is not known.
    """
    known = torch.zeros(channels, 2, window // 2, 1, dtype=torch.bool)
    known[:, :, :count] = True
    known[:, 1, 0] = False
    return known.flatten(0, 1)


def _places(representation: Representation, samples: int, settings: AudioSettings) -> int:
    """Number of places of time of the data that lie within the first samples of a canvas."""
    spec = settings.representation
    return samples if isinstance(spec, WaveformSpec) else samples // (spec.window // 2)


PLANNERS: Mapping[str, Planner] = MappingProxyType(
    {
        "gap": _gap,
        "extend": _extend,
        "bandwidth": _bandwidth,
        "declip": _declip,
        "denoise": _denoise,
    }
)
"""What makes the plan of each operation."""
