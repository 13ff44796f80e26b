"""Plans of edits applied to sounds: what is known of the data, and how results become sounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.dsp import analyse, synthesise
from sfumato.errors import SettingError
from sfumato.media.audio.canvas import Canvas, Sound, batch_of, filled, items_of, level_factor
from sfumato.media.audio.editing import known_samples, mask_of
from sfumato.media.audio.folder import faded_out
from sfumato.media.audio.phases import continued
from sfumato.media.audio.representation import Representation, build
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.editing import Edit, Task
from sfumato.process.rng import Stream, normal
from sfumato.restoration import Clip, Mask, Observation
from sfumato.restoration.operator import LinearFunction, Operator
from sfumato.sound.clipping import peaks_estimated
from sfumato.sound.fit import Samples
from sfumato.sound.joining import joined, runs_joined

# Standard deviation of known samples of a clipped sound, at the level of training.
_EXACT_SAMPLE = 0.003
# The excess of a cut peak over the level is uncertain by this share of its estimate, and by this
# share of the level at the least.
_UNSURE, _UNSURE_LEAST = 0.5, 0.05
# The least noise of a number of a noisy sound. With less, the numbers differ so much in their noise
# that the inner solver of the methods does not converge in its 40 iterations.
_LEAST_NOISE = 0.05
# Copies with noise by which the noise of the encoded numbers is measured.
_COPIES = 32
# Each sample is in two frames, so that the numbers of the frames count everything twice.
_REDUNDANCY = 2.0

Finish = Callable[[Tensor], NDArray[Any]]
Maker = Callable[[Sound, Edit, AudioSettings], Task]


def applied(path: Path, edit: Edit, settings: AudioSettings) -> Task:
    """Apply a plan to its file.

    Args:
        path: The file.
        edit: The plan.
        settings: The settings of the run.

    Raises:
        SettingError: The plan does not fit the file or the run.
        DataError: The file cannot be read, or what is known of it is silent.
    """
    maker = _MAKERS.get(edit.task)
    if maker is None:
        raise SettingError(f"'{edit.task}' is no edit of sounds.")
    task = maker(Sound.read(path, settings), edit, settings)
    task.observation.require(task.canvas)
    return task


def _anew(sound: Sound, edit: Edit, settings: AudioSettings) -> Task:
    """A gap or an extension: frames that lie wholly in known samples are known."""
    if edit.region is None or len(edit.region) != 1 or edit.noise is None:
        raise SettingError(f"The plan of a {edit.task} names one region and a noise.")
    begin, end = edit.region[0]
    if not 0 <= begin < end or (edit.task == "gap" and end > sound.length):
        raise SettingError("The plan does not fit the file.", why="the gap is not within the sound")
    canvas = Canvas.around(begin, end, sound.length, settings.samples)
    clip, known = canvas.of(sound.samples, settings.rate), known_samples(canvas, (begin, end))
    representation = build(settings.representation)
    if edit.operator != mask_of(representation.known(known), representation):
        raise SettingError("The plan does not fit the file.", why="other parts of it are known")
    factor = level_factor(clip * known.numpy(), settings)
    x = batch_of(clip, factor)
    data = representation.encode(x)
    longer = np.pad(sound.samples, ((0, 0), (0, max(0, end - sound.length))))

    def finished(row: Tensor) -> Samples:
        part = _samples(continued(representation, row, x, known), factor)
        made = longer.copy()
        stop = min(canvas.begin + canvas.samples, made.shape[1])
        made[:, canvas.begin : stop] = part[:, : stop - canvas.begin]
        result = joined(longer, made, begin, end, edit.feather)
        return faded_out(result, settings.rate) if end > sound.length else result

    share = filled(clip, end - canvas.begin, settings.samples)
    start = data if edit.task == "gap" else None
    return _task(sound, edit, data, edit.operator.forward(data), finished, share, start=start)


def _bandwidth(sound: Sound, edit: Edit, settings: AudioSettings) -> Task:
    """A missing band: the lowest bins of all frames are known."""
    if not isinstance(edit.operator, Mask) or edit.noise is None:
        raise SettingError("The plan of a bandwidth is a mask with a noise.")
    x, factor, share = _whole(sound, sound.samples, settings)
    representation = build(settings.representation)
    data, mask = representation.encode(x), edit.operator
    window = 2 * mask.shape[-2]

    def numbers(x0: Tensor) -> Tensor:
        return mask.forward(_numbers(analyse(x0, window)))

    def finished(row: Tensor) -> Samples:
        made = analyse(representation.decode(row, x.shape[-1]), window)
        known = mask.known_in(_numbers(made).shape[1:])[None]
        both = torch.where(known, _numbers(analyse(x, window)), _numbers(made))
        lines = torch.complex(*both.reshape(len(both), -1, 2, *both.shape[2:]).unbind(2))
        return _samples(synthesise(lines, window, sound.length), factor)

    operator = mask if representation.axes == 2 else LinearFunction.of(numbers)
    values = operator.forward(data)
    return _task(sound, edit, data, values, finished, share, start=data, operator=operator)


def _declip(sound: Sound, edit: Edit, settings: AudioSettings) -> Task:
    """Cut peaks: known samples are known, and cut ones are at the level or beyond it."""
    if not isinstance(edit.operator, Clip) or not sound.cut.any():
        raise SettingError("The plan does not fit the file.", why="nothing in it is cut off")
    level, cut, known = edit.operator.level, sound.cut, sound.samples
    guess = peaks_estimated(known, cut)
    x, factor, share = _whole(sound, guess, settings)
    representation = build(settings.representation)
    unsure = np.maximum(_UNSURE * (np.abs(guess) - level), _UNSURE_LEAST * level) * factor
    noise = torch.full_like(x, _EXACT_SAMPLE)
    noise[0, :, : sound.length] = torch.from_numpy(np.where(cut, unsure, _EXACT_SAMPLE)).float()

    def finished(row: Tensor) -> Samples:
        made = _samples(representation.decode_like(row, x), factor)[:, : sound.length]
        result, sign = runs_joined(known, made, cut), np.sign(known)
        beyond: Samples = np.where(cut, sign * np.maximum(sign * result, np.abs(known)), known)
        return beyond

    operator = LinearFunction.of(representation.near(x))
    data = representation.encode(x)
    return _task(sound, edit, data, x, finished, share, start=data, operator=operator, noise=noise)


def _denoise(sound: Sound, edit: Edit, settings: AudioSettings) -> Task:
    """Noise: the encoded numbers are known with the noise that each of them has."""
    if edit.noise is None:
        raise SettingError("The plan of a denoising names the noise.")
    x, factor, share = _whole(sound, sound.samples, settings)
    representation = build(settings.representation)
    data = representation.encode(x)
    noise = _noise_of_numbers(representation, x, edit.noise * factor, sound.length)

    def finished(row: Tensor) -> Samples:
        return _samples(representation.decode_like(row, x), factor)[:, : sound.length]

    return _task(sound, edit, data, data, finished, share, start=data, noise=noise)


def _noise_of_numbers(representation: Representation, x: Tensor, std: float, length: int) -> Tensor:
    """The standard deviation that noise of samples gives to each number of the representation.

    It is measured on copies of the noisy sound, to which noise of the same level is added once
    more. Where there is only noise, it is too large by the square root of 2 at most.

    Args:
        representation: The representation.
        x: The noisy sound, shape (1, C, N).
        std: Standard deviation of its samples.
        length: Number of samples that have noise; what follows is silence.

    Returns:
        Shape (1, *data), at least 0.05.
    """
    shape = (x.shape[1], length)
    data = representation.encode(x)
    total = torch.zeros_like(data)
    for copy in range(_COPIES):
        noisy = x.clone()
        noisy[..., :length] += std * normal(0, Stream.OPERATOR, [copy], shape)
        total += (representation.encode(noisy) - data).square()
    redundancy = 1.0 if representation.axes == 1 else _REDUNDANCY
    return (total * (redundancy / _COPIES)).sqrt().clamp_min(_LEAST_NOISE)


def _whole(sound: Sound, x: Samples, settings: AudioSettings) -> tuple[Tensor, float, float]:
    """A whole sound at the level of training, the factor, and the share of a window it fills."""
    canvas = Canvas.whole(sound.length, settings.samples)
    canvas.require_possible(settings.samples, settings.rate)
    factor = level_factor(x, settings)
    return (
        batch_of(canvas.of(x, settings.rate), factor),
        factor,
        filled(x, 1, settings.samples),
    )


def _task(
    sound: Sound,
    edit: Edit,
    data: Tensor,
    values: Tensor,
    finished: Callable[[Tensor], Samples],
    share: float,
    *,
    start: Tensor | None,
    operator: Operator | None = None,
    noise: Tensor | None = None,
) -> Task:
    def finish(x0: Tensor) -> NDArray[Any]:
        # One by one, so that no result depends on the others.
        rows = x0.detach().to("cpu", torch.float32)
        return items_of([finished(rows[place : place + 1]) for place in range(len(rows))])

    deviation = torch.tensor(edit.noise) if noise is None else noise
    observation = Observation(operator or edit.operator, values, deviation)
    canvas = tuple(data.shape[1:])
    return Task(observation, canvas, start, share, finish, sound.samples)


def _samples(clip: Tensor, factor: float) -> Samples:
    """The samples of a batch of one at the level of the file, shape (C, N)."""
    samples: Samples = clip[0].numpy().astype(np.float32) / np.float32(factor)
    return samples


def _numbers(lines: Tensor) -> Tensor:
    """Complex lines (B, C, bins, frames) as numbers, shape (B, 2 C, bins, frames)."""
    return torch.view_as_real(lines).movedim(-1, 2).flatten(1, 2)


_MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        "gap": _anew,
        "extend": _anew,
        "bandwidth": _bandwidth,
        "declip": _declip,
        "denoise": _denoise,
    }
)
