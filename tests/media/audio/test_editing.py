from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sfumato.errors import DataError, SettingError
from sfumato.media.audio.canvas import Canvas
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.representation import build
from sfumato.media.audio.settings import AdvanceSpec, AudioSettings, SpectrogramSpec, WaveformSpec
from sfumato.media.editing import Edit, Task, Wanted
from sfumato.restoration.operator import LinearFunction
from sfumato.sound.fit import Samples, resampled, to_channels

MakeSound = Callable[..., Path]

RATE = 8000
SPECS = (WaveformSpec(), SpectrogramSpec(window=128), AdvanceSpec(window=256))


def settings(spec: Any = SPECS[2], **changed: Any) -> AudioSettings:
    own = {"rate": RATE, "seconds": 0.25, "representation": spec, **changed}
    return AudioSettings.model_validate(own)


def tones(count: int, noise: float = 0.02, seed: int = 0) -> Samples:
    t = np.arange(count) / RATE
    own = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1210 * t + 0.3)
    rest = np.random.default_rng(seed).standard_normal(count)
    # In steps of 16 bits, so that files hold exactly this.
    return (np.rint((own + noise * rest) * 32768) / 32768).astype(np.float32)[None]


def task_of(medium: AudioMedium, path: Path, **wanted: Any) -> Task:
    edit = medium.plan(path, Wanted(**wanted))
    # From the text of the plan alone, as a result is made again from its provenance.
    return medium.task(path, Edit.model_validate_json(edit.model_dump_json()))


def anything(task: Task, rows: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, *task.canvas, generator=generator) / 2


@pytest.mark.parametrize("spec", SPECS)
def test_numbers_are_known_if_they_follow_from_known_samples(spec: Any) -> None:
    representation = build(spec)
    known = torch.ones(2000, dtype=torch.bool)
    known[700:900] = False
    a, b = torch.randn(2, 1, 1, 2000, dtype=torch.float64).unbind()
    b = torch.where(known, a, b)
    differs = (representation.encode(a) != representation.encode(b)).flatten(0, -2).any(0)
    assert torch.equal(representation.known(known), ~differs)


@pytest.mark.parametrize("spec", SPECS)
def test_decoding_near_a_clip_is_linear_and_exact_there(spec: Any) -> None:
    representation = build(spec)
    clip = torch.from_numpy(tones(1000)).double()[None]
    data = representation.encode(clip)
    near = representation.near(clip)
    assert torch.allclose(near(data), clip, atol=1e-12)
    assert torch.allclose(representation.decode_like(data, clip), clip, atol=1e-9)
    LinearFunction.of(near).require(tuple(data.shape[1:]))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("gap", [(0.6, 0.65), (0.0, 0.05), (1.2, 1.25), (0.4, 0.8)])
def test_outside_of_a_gap_not_one_sample_changes(
    make_sound: MakeSound, spec: Any, gap: tuple[float, float]
) -> None:
    x = tones(10_000)
    path = make_sound("a.wav", x[0], RATE)
    task = task_of(AudioMedium(settings(spec)), path, gap=gap)
    made = task.finish(anything(task, 2))
    begin, end = (round(place * RATE) for place in gap)
    outside = np.r_[0:begin, end : x.shape[1]]
    assert made.shape == (2, 1, 10_000)
    assert made.dtype == np.float32
    assert (made[:, :, outside] == x[:, outside]).all()
    assert (made[:, :, begin:end] != x[:, begin:end]).mean() > 0.9


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    "wanted", [{"gap": (0.6, 0.65)}, {"bandwidth": 2000.0}, {"denoise": 0.01}, {"extend": 0.1}]
)
def test_true_data_give_the_true_sound_at_its_own_level(
    make_sound: MakeSound, spec: Any, wanted: dict[str, Any]
) -> None:
    # 40 dB softer than the clips of training.
    x = (np.rint(tones(10_000) * 32768 / 100) / 32768).astype(np.float32)
    medium = AudioMedium(settings(spec))
    task = task_of(medium, make_sound("a.wav", x[0], RATE), **wanted)
    task.observation.require(task.canvas)
    if task.start is None:
        return
    assert task.observation.misfit(task.start).item() < 1e-6
    assert np.abs(task.finish(task.start)[0] - x).max() < 2e-3 * np.abs(x).max()
    assert float(task.start.std()) > 0.05


def test_a_result_does_not_depend_on_the_others(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", tones(6000)[0], RATE)
    for wanted in ({"gap": (0.3, 0.4)}, {"bandwidth": 1500.0}, {"denoise": 0.01}):
        task = task_of(AudioMedium(settings()), path, **wanted)
        x0 = anything(task, 3)
        assert (task.finish(x0)[1] == task.finish(x0[1:2])[0]).all()


def test_phases_go_on_behind_a_gap(make_sound: MakeSound) -> None:
    # The advances in the gap are turned, so that without care all that follows would be out of
    # phase, and the sound would cancel where both meet.
    x = tones(6000, noise=0.0)
    medium = AudioMedium(settings(AdvanceSpec(window=256)))
    task = task_of(medium, make_sound("a.wav", x[0], RATE), gap=(0.4, 0.48))
    assert task.start is not None
    parts = task.start.unflatten(1, (-1, 2)).movedim(2, -1)
    turned = torch.view_as_complex(parts.contiguous()) * torch.polar(
        torch.tensor(1.0), torch.tensor(0.3)
    )
    x0 = torch.view_as_real(turned).movedim(-1, 2).flatten(1, 2)
    made = task.finish(x0)[0]
    edges = np.r_[3200:3264, 3776:3840]
    assert np.abs(made - x)[0, edges].max() < 0.25 * np.abs(x).max()


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_an_extension_goes_on_after_the_end(
    make_sound: MakeSound, spec: Any, seconds: float
) -> None:
    x = tones(5000)
    task = task_of(AudioMedium(settings(spec)), make_sound("a.wav", x[0], RATE), extend=seconds)
    made = task.finish(anything(task))
    assert made.shape == (1, 1, 5000 + round(seconds * RATE))
    assert (made[0, :, :5000] == x).all()
    assert np.abs(made[0, :, 5000:]).max() > 0


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_below_the_band_stays(make_sound: MakeSound, spec: Any) -> None:
    x = tones(6000)
    task = task_of(AudioMedium(settings(spec)), make_sound("a.wav", x[0], RATE), bandwidth=2000.0)
    made = task.finish(0.1 * anything(task))[0]
    before, after = (np.abs(np.fft.rfft(each[0])) for each in (x, made))
    hertz = np.fft.rfftfreq(6000, 1 / RATE)
    # A bin of the representation reaches to its neighbours, 62 Hz away with a window of 128.
    below, above = hertz < 1500, hertz > 2100
    assert np.abs(after - before)[below].max() < 0.02 * before.max()
    assert np.abs(after - before)[above].max() > 0.001 * before.max()


@pytest.mark.parametrize("spec", SPECS)
def test_declipping_keeps_what_is_known(make_sound: MakeSound, spec: Any) -> None:
    x = tones(6000)
    level = np.float32(np.rint(0.25 * 32768) / 32768)
    y = x.clip(-level, level)
    task = task_of(AudioMedium(settings(spec)), make_sound("a.wav", y[0], RATE), declip=True)
    # The data are soft enough for the result to stay within full scale.
    made = task.finish(0.2 * anything(task))[0]
    cut = np.abs(y) == level
    assert (made[~cut] == y[~cut]).all()
    assert (made[cut] * np.sign(y[cut]) >= level).all()
    # The data of the truth fit what is known, in units of its noise.
    assert task.start is not None
    assert task.observation.misfit(task.start).item() < 1e-3


def test_peaks_above_full_scale_are_reduced_with_the_whole_sound(make_sound: MakeSound) -> None:
    x = tones(6000)
    y = (x * 6).clip(-0.999, 0.999).astype(np.float32)
    task = task_of(AudioMedium(settings()), make_sound("a.wav", y[0], RATE), declip=True)
    made = task.finish(2 * anything(task))[0]
    assert np.abs(made).max() == pytest.approx(1.0)
    known = np.abs(task.original) < 0.99
    ratio = made[known] / task.original[known]
    assert np.ptp(ratio[np.abs(task.original[known]) > 0.1]) < 1e-4


@pytest.mark.parametrize(
    ("spec", "std"),
    [(WaveformSpec(), 0.1), (SpectrogramSpec(window=64, power=1.0), 0.1)],
)
def test_the_noise_of_each_number_is_that_of_the_samples(
    make_sound: MakeSound, spec: Any, std: float
) -> None:
    # Without compression each part of a line has half of the variance of a sample, and each sample
    # is in two frames, which count it twice.
    path = make_sound("a.wav", tones(6000)[0], RATE)
    task = task_of(AudioMedium(settings(spec, level="keep")), path, denoise=std)
    measured = task.observation.noise[..., :40].square().mean().sqrt()
    assert measured.item() == pytest.approx(std, rel=0.03)


def test_noise_is_estimated(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", tones(10_000, noise=0.03)[0], RATE)
    edit = AudioMedium(settings()).plan(path, Wanted(denoise="auto"))
    assert edit.noise == pytest.approx(0.03, rel=0.15)


def test_a_sound_is_read_at_the_rate_and_with_the_channels_of_the_run(
    make_sound: MakeSound,
) -> None:
    stereo = np.concatenate([tones(20_000), tones(20_000, seed=1)])
    path = make_sound("a.wav", stereo, 2 * RATE)
    task = task_of(AudioMedium(settings()), path, gap=(0.5, 0.55))
    expected = resampled(to_channels(stereo, 1), 2 * RATE, RATE)
    assert (task.original == expected).all()
    made = task.finish(anything(task))[0]
    assert (made[:, :4000] == expected[:, :4000]).all()
    assert (made[:, 4400:] == expected[:, 4400:]).all()


def test_a_stereo_run_makes_stereo_of_a_mono_file(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", tones(5000)[0], RATE)
    task = task_of(AudioMedium(settings(channels="stereo")), path, gap=(0.3, 0.35))
    assert task.finish(anything(task)).shape == (1, 2, 5000)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("count", [900, 2000, 9000])
def test_a_canvas_is_a_window_or_longer(make_sound: MakeSound, spec: Any, count: int) -> None:
    medium = AudioMedium(settings(spec))
    path = make_sound("a.wav", tones(count)[0], RATE)
    for wanted in ({"gap": (0.06, 0.08)}, {"denoise": 0.01}):
        task = task_of(medium, path, **wanted)
        assert task.canvas[:-1] == medium.signal_shape[:-1]
        assert task.canvas[-1] >= medium.signal_shape[-1]
        if count <= 2000:
            assert task.canvas == medium.signal_shape
            assert task.filled == pytest.approx(count / 2000)


@pytest.mark.parametrize(
    ("part", "length", "expected"),
    [
        ((5000, 5400), 10_000, Canvas(4200, 2000)),
        ((0, 400), 10_000, Canvas(0, 2000)),
        ((9700, 10_000), 10_000, Canvas(8000, 2000)),
        ((100, 200), 500, Canvas(0, 2000)),
        ((10_000, 10_400), 10_000, Canvas(8400, 2000)),
        ((5000, 7000), 10_000, Canvas(4000, 4000)),
        ((500, 3000), 3200, Canvas(0, 3200)),
    ],
)
def test_a_canvas_has_as_much_known_on_either_side(
    part: tuple[int, int], length: int, expected: Canvas
) -> None:
    assert Canvas.around(*part, length, 2000) == expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"gap": (0.5, 0.4)}, "not possible"),
        ({"gap": (-0.1, 0.4)}, "not possible"),
        ({"gap": (0.5, 5.0)}, "not within the sound"),
        ({"gap": (0.0, 0.625)}, "leaves too little"),
        ({"gap": "0.5"}, "not a part"),
        ({"extend": 0.0}, "cannot be extended"),
        ({"extend": float("nan")}, "cannot be extended"),
        ({"extend": 1e4}, "too long"),
        ({"extend": "soon"}, "not a time"),
        ({"bandwidth": 4000.0}, "half of the run's rate"),
        ({"bandwidth": 10.0}, "half of the run's rate"),
        ({"bandwidth": float("nan")}, "half of the run's rate"),
        ({"declip": True}, "Nothing in the sound is cut off"),
        ({"denoise": 0.0}, "between 0 and 1"),
        ({"denoise": 7.0}, "between 0 and 1"),
        ({"denoise": "much"}, "no number"),
        ({"gap": (0.2, 0.3), "noise": 0.1}, "'noise' cannot be used"),
        ({"colourise": True}, "no edit of sounds"),
        ({"gap": (0.2, 0.3), "declip": True}, "2 operations"),
        ({}, "0 operations"),
    ],
)
def test_what_is_not_possible_is_refused(
    make_sound: MakeSound, wanted: dict[str, Any], words: str
) -> None:
    path = make_sound("a.wav", tones(5000)[0], RATE)
    with pytest.raises(SettingError) as caught:
        AudioMedium(settings()).plan(path, Wanted(**wanted))
    assert words in str(caught.value)


def test_files_that_tell_nothing_are_refused(make_sound: MakeSound) -> None:
    medium = AudioMedium(settings())
    silent = make_sound("silent.wav", np.zeros(5000), RATE)
    with pytest.raises(DataError, match="silent"):
        medium.plan(silent, Wanted(gap=(0.2, 0.3)))
    nearly = make_sound("nearly.wav", np.full(5000, 1 / 32768), RATE)
    with pytest.raises(DataError, match="silent"):
        medium.plan(nearly, Wanted(gap=(0.2, 0.3)))
    late = np.concatenate([np.zeros(20_000, np.float32), tones(5000)[0]])
    path = make_sound("late.wav", late, RATE)
    with pytest.raises(DataError, match="silent around"):
        task_of(medium, path, gap=(0.5, 0.6))
    with pytest.raises(DataError):
        medium.plan(path.with_name("absent.wav"), Wanted(gap=(0.2, 0.3)))


def test_a_plan_for_another_file_is_refused(make_sound: MakeSound) -> None:
    medium = AudioMedium(settings())
    long, short = (make_sound(f"{n}.wav", tones(n)[0], RATE) for n in (9000, 3000))
    edit = medium.plan(long, Wanted(gap=(0.9, 1.0)))
    with pytest.raises(SettingError, match="does not fit"):
        medium.task(short, edit)
    with pytest.raises(SettingError, match="does not fit"):
        medium.task(short, replace_operator(edit, medium.plan(short, Wanted(bandwidth=2000.0))))


def replace_operator(edit: Edit, other: Edit) -> Edit:
    return edit.model_copy(update={"operator": other.operator, "region": ((1000, 1200),)})


def test_the_picture_shows_where_results_differ(tmp_path: Path) -> None:
    same = np.repeat(tones(8000)[None], 3, axis=0)
    other = same.copy()
    for number, item in enumerate(other):
        item[:, 4000:] = tones(8000, noise=0.3, seed=number)[:, 4000:]
    medium, pictures = AudioMedium(settings()), []
    for name, items in (("same", same), ("other", other)):
        medium.write_spread(items, tmp_path / f"{name}.png")
        pictures.append(np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"), float))
    light = (pictures[1] - pictures[0])[12:160]
    half = light.shape[1] // 2
    assert np.abs(light[:, : half - 20]).max() < 5
    assert light[:, half + 20 : -20].mean() > 10
