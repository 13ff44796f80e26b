from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.dsp import mel_edges
from sfumato.media.audio.picture import picture, sheet

RATE = 8_000


def sine(frequency: float, seconds: float = 0.5, loudness: float = 0.9) -> np.ndarray:
    time = np.arange(round(RATE * seconds)) / RATE
    return loudness * np.sin(2 * np.pi * frequency * time)[None]


def lightness(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(float) @ [0.299, 0.587, 0.114]


def wave(pixels: np.ndarray) -> np.ndarray:
    return lightness(pixels[: round(0.32 * len(pixels))])


def mel(pixels: np.ndarray) -> np.ndarray:
    return lightness(pixels[round(0.32 * len(pixels)) + 2 :])


def inked(column: np.ndarray) -> int:
    return int((column > 90).sum())


@pytest.mark.parametrize("samples", [0, 1, 7, 100, 4_000, 33_333])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("width", "height"), [(240, 160), (1, 32), (77, 101)])
def test_every_sound_has_a_picture(samples: int, channels: int, width: int, height: int) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (channels, samples))
    pixels = picture(x, RATE, width, height)
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8


def test_silence_looks_like_silence() -> None:
    pixels = picture(np.zeros((1, 4_000)), RATE)
    assert (pixels == pixels[:, :1]).all()
    assert (inked(wave(pixels)[:, 0]), inked(mel(pixels)[:, 0])) == (1, 0)
    assert np.ptp(mel(pixels)) == 0
    assert lightness(picture(0.1 * sine(1000), RATE)).mean() > lightness(pixels).mean()


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_is_a_line_at_its_pitch(frequency: float) -> None:
    levels = mel(picture(sine(frequency), RATE))[:, 20:-20]
    row = len(levels) - 1 - levels.mean(1).argmax()
    edges = mel_edges(RATE, len(levels))
    assert edges[row] < frequency < edges[row + 2]


def test_louder_is_lighter() -> None:
    peaks = [mel(picture(sine(1000, loudness=10.0**-k), RATE)).max() for k in range(4)]
    assert peaks == sorted(peaks, reverse=True)
    assert len(set(peaks)) == 4


def test_a_click_is_at_its_time() -> None:
    x = np.zeros((1, 4_800))
    x[0, 20 * 60 + 10] = 0.9
    pixels = picture(x, RATE)
    tall = [inked(column) for column in wave(pixels).T]
    assert tall[60] > 20
    # The column before it is joined to its first sample, not to the click; no other has it.
    assert tall[:60] + tall[61:] == [1] * 239
    assert abs(int(mel(pixels).sum(0).argmax()) - 60) <= 3


def test_the_waveform_spans_what_the_samples_span() -> None:
    for loudness in (0.25, 0.5, 1.0):
        pixels = wave(picture(sine(1000, loudness=loudness), RATE))
        heights = [inked(column) for column in pixels.T]
        assert abs(np.median(heights) - (loudness * (len(pixels) - 1) + 1)) <= 1.5


def test_steep_lines_hang_together() -> None:
    x = np.repeat([[-0.8, 0.8]], 100, axis=1).reshape(1, -1)
    tall = [inked(column) for column in wave(picture(x, RATE, width=20)).T]
    assert max(tall) > 30
    assert sum(height > 30 for height in tall) == 1


def test_beyond_full_scale_is_marked() -> None:
    def red(pixels: np.ndarray) -> np.ndarray:
        reddish = (pixels[..., 0] > 200) & (pixels[..., 2] < 100)
        top: np.ndarray = reddish[: round(0.32 * len(pixels))]
        return top

    assert not red(picture(sine(100, loudness=1.0), RATE)).any()
    x = sine(100, loudness=0.5)
    x[0, 2_000] = 1.1
    marks = red(picture(x, RATE))
    assert set(np.nonzero(marks)[1]) == {2_000 * 240 // 4_000, 2_000 * 240 // 4_000 - 1}
    assert np.nonzero(marks)[0].max() == 1


def test_channels_have_lanes() -> None:
    x = np.concatenate([sine(1000), np.zeros((1, 4_000))])
    lanes = wave(picture(x, RATE))
    half = len(lanes) // 2 + len(lanes) % 2
    assert inked(lanes[:half, 100]) > 15
    assert inked(lanes[half:, 100]) == 1
    np.testing.assert_array_equal(mel(picture(x, RATE)), mel(picture(x[:1], RATE)))


def test_long_sounds_lose_no_click() -> None:
    x = np.zeros((1, 30 * RATE))
    x[0, 77_777] = 0.9
    pixels = picture(x, RATE, width=60)
    column = 77_777 * 60 // (30 * RATE)
    assert inked(wave(pixels)[:, column]) > 20
    assert mel(pixels)[:, column].mean() > mel(pixels)[:, column + 10].mean() + 5


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(10),
        np.zeros((0, 10)),
        np.zeros((3, 10)),
        np.zeros((1, 1, 10)),
        np.full((1, 9), np.nan),
    ],
)
def test_no_sounds(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite"):
        picture(bad, RATE)


@pytest.mark.parametrize(("width", "height"), [(0, 100), (100, 31)])
def test_too_small(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="too small"):
        picture(np.zeros((1, 10)), RATE, width, height)


def test_tensors_are_sounds_too() -> None:
    x = sine(440).astype(np.float32)
    tensor = torch.from_numpy(x).requires_grad_()
    np.testing.assert_array_equal(picture(tensor, RATE), picture(x, RATE))


def test_sheet_holds_every_picture() -> None:
    clips = [sine(200 + 300 * k) for k in range(5)]
    paper = np.asarray(sheet(clips, RATE, columns=3))
    assert paper.shape == (2 * 186 + 12 + 26, 3 * 252 + 12, 3)
    for place, clip in enumerate(clips):
        top, left = 12 + place // 3 * 186, 12 + place % 3 * 252
        cell = paper[top : top + 160, left : left + 240]
        np.testing.assert_array_equal(cell, picture(clip, RATE))


def test_one_time_scale() -> None:
    clips = [sine(500, 1.0), sine(500, 0.25), np.zeros((1, 0))]
    paper = np.asarray(sheet(clips, RATE, columns=3))
    short = paper[12:172, 264 : 264 + 240]
    np.testing.assert_array_equal(short[:, :60], picture(clips[1], RATE, 60))
    assert (short[:, 60:] == paper[0, 0]).all()
    empty = paper[12:172, 516 : 516 + 240]
    assert (empty[:, 1:] == paper[0, 0]).all()


def test_captions_are_written_and_cut_to_fit() -> None:
    def under(caption: str) -> np.ndarray:
        paper = np.asarray(sheet([sine(500)], RATE, [caption]).convert("L")).astype(int)
        return paper[172:196]

    blank, short, long = (under(caption) for caption in ("", "kick", "snare \n drum " * 30))
    # The length stands at the right in each, and nothing else may touch it.
    room = slice(0, 210)
    np.testing.assert_array_equal(blank[:, 210:], long[:, 210:])
    assert (blank[:, room] == 238).all()
    assert short[:, room].min() < 80
    assert (long < 238).sum() > (short < 238).sum() > (blank < 238).sum()


def test_a_square_by_default() -> None:
    picture_ = sheet([sine(500)] * 4, RATE)
    assert isinstance(picture_, Image.Image)
    assert picture_.mode == "RGB"
    assert picture_.size == (2 * 252 + 12, 2 * 186 + 12 + 26)


def test_bad_sheets() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sheet([], RATE)
    with pytest.raises(ValueError, match="captions"):
        sheet([sine(500)], RATE, ["a", "b"])
    with pytest.raises(ValueError, match="columns"):
        sheet([sine(500)], RATE, columns=0)
