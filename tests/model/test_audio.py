from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sfumato.errors import DataError, RunError, SettingError
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.provenance import read_recipe
from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings
from sfumato.model.numbers import NumberModel
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Request
from sfumato.model.samples import Samples
from sfumato.run import Run, open_run
from sfumato.training.train import planned, train
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]
RATE = 4_000


def files(run: str | None, out: str, like: Path | None = None, **keywords: Any) -> list[Path]:
    format = keywords.pop("format", None)
    options = SampleOptions(**keywords)
    *_, written = sample_files(run, options, out=Path(out), like=like, format=format)
    assert isinstance(written, Written)
    return written.out.files


def made(run: Run, n: int = 4, **keywords: Any) -> Samples:
    found = run.sample(n, **keywords)
    assert isinstance(found, Samples)
    return found


@pytest.fixture(scope="module")
def tones(finished_sounds: Path) -> Run:
    return open_run(finished_sounds / "tones")


@pytest.mark.parametrize("name", ["tones", "wave", "hum"])
def test_files_are_the_same_in_any_batch(sound_runs: Runs, name: str) -> None:
    sound_runs(name)
    results = [files(name, f"out{batch}", n=9, seed=7, batch=batch) for batch in (1, 4, 16)]
    for one, four, sixteen in zip(*results, strict=True):
        assert one.read_bytes() == four.read_bytes() == sixteen.read_bytes()
    assert len({path.read_bytes() for path in results[0]}) == 9


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_sound_is_made_again_from_its_own_file(sound_runs: Runs, format: str) -> None:
    sound_runs("tones")
    for original in files("tones", "first", n=3, seed=5, format=format):
        (again,) = files(None, f"again-{original.stem}", like=original)
        assert again.suffix == original.suffix
        assert again.read_bytes() == original.read_bytes()


def test_lengths_are_drawn_from_the_class_and_kept(tones: Run, tmp_path: Path) -> None:
    found = made(tones, 32, label="low")
    lengths = np.array([origin.seconds for origin in found.provenance])
    low, high = tones.spec.data.seconds[1][0], tones.spec.data.seconds[1][-1]
    assert low - 1e-3 <= lengths.min() < lengths.max() <= high + 1e-3
    assert len(np.unique(lengths)) > 16
    for path, length in zip(found.save(tmp_path / "out"), lengths, strict=True):
        header = soundfile.info(path)
        assert (header.samplerate, header.channels) == (RATE, 1)
        assert header.frames == round(length * RATE)
    samples = made(tones, 2, seconds=0.125)
    assert [clip.shape for clip in (samples[0], samples[1])] == [(1, 500)] * 2


@pytest.mark.parametrize("name", ["tones", "wave"])
@pytest.mark.parametrize("keywords", [{}, {"seconds": 0.03}, {"seconds": 0.2}, {"start": True}])
def test_every_sound_has_its_level_and_nothing_after_its_end(
    finished_sounds: Path, sounds: Path, tmp_path: Path, name: str, keywords: dict[str, Any]
) -> None:
    run = open_run(finished_sounds / name)
    if keywords.pop("start", False):
        keywords = {"start": sounds / "low/2.wav", "strength": 0.5}
    found = made(run, 5, **keywords)
    assert found.rate == RATE
    assert found.clips.shape == (5, 1, 1000)
    for clip, whole, origin in zip(found, found.clips, found.provenance, strict=True):
        count = round((origin.seconds or 0.25) * RATE)
        assert not whole[:, count:].any()
        assert np.array_equal(clip, whole[:, :count])
        assert np.abs(clip).max() == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    for path in found.save(tmp_path / "out"):
        samples, _ = soundfile.read(path)
        assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-1, abs=0.01)
    batches = [made(run, 5, batch=batch, **keywords).clips for batch in (1, 2)]
    assert all(np.array_equal(clips, found.clips) for clips in batches)


def test_pictures_have_no_rate(finished_sounds: Path) -> None:
    with pytest.raises(SettingError, match="Images have no sampling rate"):
        ImageMedium(ImageSettings(channels="rgb")).sampling_rate  # noqa: B018


def awake(run: Run) -> NumberModel:
    """The model of a run, with weights that listen to all that they are told."""
    model = NumberModel(run.directory, run.spec)
    draw = torch.Generator().manual_seed(0)
    for parameter in model.denoiser.backbone.parameters():
        parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    return model


def test_the_length_acts_and_is_whole_samples(sounds: Path, finished_sounds: Path) -> None:
    """What a file says of its length is all that there was to it: made again it is the same."""
    model = awake(open_run(finished_sounds / "tones"))

    def lasting(request: Request, seconds: float) -> Request:
        return replace(request, sample=request.sample.changed(seconds=seconds))

    def clips(request: Request) -> tuple[np.ndarray[Any, Any], list[float]]:
        (done,) = [event for event in model.sample(request) if isinstance(event, Made)]
        return done.items, [origin.seconds for origin in done.provenance]

    for keywords in ({}, {"start": sounds / "low/2.wav", "strength": 0.9}):
        for seed in range(4):
            request = model.request(SampleOptions(1, seed=seed, label="low", **keywords))
            first, (seconds,) = clips(request)
            assert seconds * RATE == pytest.approx(round(seconds * RATE), abs=1e-9)
            again, same = clips(lasting(request, seconds))
            assert same == [seconds]
            assert np.array_equal(first, again)
            shorter, _ = clips(lasting(request, seconds / 2))
            assert not np.array_equal(first, shorter)


def test_without_classes_lengths_are_drawn_from_all(
    tmp_path: Path, sounds: Path, tiny_sounds: tuple[str, ...]
) -> None:
    plan = planned("audio", steps=1, changes=(*tiny_sounds, "data.labels=false"))
    for _ in train(sounds, plan, "open", tmp_path):
        pass
    run = open_run(tmp_path / "open")
    (row,) = run.spec.data.seconds
    lengths = [origin.seconds for origin in made(run, 40, steps=1).provenance]
    assert row[0] - 1e-3 <= min(lengths) < max(lengths) <= row[-1] + 1e-3


def test_all_that_fill_their_window_take_no_length(
    tmp_path: Path, tiny_sounds: tuple[str, ...]
) -> None:
    (tmp_path / "full").mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 1200)
        soundfile.write(tmp_path / f"full/{number}.wav", noise, RATE)
    for _ in train(tmp_path / "full", planned("audio", 1, changes=tiny_sounds), "a", tmp_path):
        pass
    run = open_run(tmp_path / "a")
    found = made(run, 1)
    assert found.provenance[0].stored()["seconds"] is None
    assert found[0].shape == (1, 1000)
    with pytest.raises(SettingError, match="takes no length"):
        made(run, seconds=0.1)


def test_a_length_out_of_the_window_is_refused(tones: Run) -> None:
    with pytest.raises(SettingError, match=r"window is 0\.25 seconds"):
        made(tones, seconds=0.3)
    with pytest.raises(SettingError, match="seconds cannot be 0"):
        made(tones, seconds=0.0)


def test_what_a_sound_does_not_have_is_refused(sound_runs: Runs) -> None:
    sound_runs("tones")
    with pytest.raises(SettingError, match="'temperature' is not for audio clips"):
        files("tones", "out", temperature=0.5)
    assert not Path("out").exists()


@pytest.mark.parametrize(("level", "peak"), [("peak", 0.891), ("keep", 0.989)])
def test_nothing_is_clipped(tones: Run, level: str, peak: float) -> None:
    settings = tones.spec.recipe.medium.model_copy(update={"level": level})
    medium = AudioMedium(settings)
    decoded = medium.decode(torch.full((1, *medium.signal_shape), 50.0))
    assert np.abs(decoded).max() == pytest.approx(peak, abs=1e-3)
    assert not medium.decode(torch.zeros(1, *medium.signal_shape)).any()


class TestVariations:
    def test_a_weak_one_is_nearly_the_file(self, tones: Run, sounds: Path) -> None:
        source = sounds / "low/0.wav"
        model = tones.model
        assert isinstance(model, NumberModel)
        original = model.medium.read(source)[0] / 32768
        near = made(tones, 2, start=source, strength=1e-4, steps=1)
        far = made(tones, 2, start=source, strength=1.0)
        for clip in near.items:
            assert np.corrcoef(clip[0], original)[0, 1] > 0.99
        for clip in far.items:
            assert abs(np.corrcoef(clip[0], original)[0, 1]) < 0.9
        assert not np.array_equal(near.items[0], near.items[1])

    def test_it_is_as_long_as_the_file_and_of_no_class(self, tones: Run, sounds: Path) -> None:
        found = made(tones, 1, start=sounds / "low/1.wav", strength=0.5)
        (recipe,) = [origin.stored() for origin in found.provenance]
        frames = soundfile.info(sounds / "low/1.wav").frames
        assert recipe["seconds"] == pytest.approx(frames / RATE, abs=0.02)
        assert recipe["label"] is None
        assert recipe["scale"] == 1
        assert recipe["steps"] == 2

    def test_it_is_made_again_as_long_as_its_file_is_there(
        self, sound_runs: Runs, sounds: Path
    ) -> None:
        sound_runs("tones")
        source = Path("mine.wav")
        source.write_bytes((sounds / "high/0.wav").read_bytes())
        (original,) = files("tones", "out", n=1, start=source, strength=0.6)
        assert read_recipe(original)["start"]["strength"] == 0.6
        (again,) = files(None, "again", like=original)
        assert again.read_bytes() == original.read_bytes()
        source.write_bytes((sounds / "high/1.wav").read_bytes())
        with pytest.raises(DataError, match="not the file that the variation started from"):
            files(None, "third", like=original)

    @pytest.mark.parametrize("strength", [0.0, -1.0, 1.5, float("nan")])
    def test_a_strength_out_of_range_is_refused(
        self, tones: Run, sounds: Path, strength: float
    ) -> None:
        with pytest.raises(SettingError, match="strength cannot be"):
            made(tones, start=sounds / "low/1.wav", strength=strength)

    def test_a_strength_alone_is_refused(self, tones: Run) -> None:
        with pytest.raises(SettingError, match="variations of a file"):
            made(tones, strength=0.5)

    def test_a_file_that_is_no_sound_is_refused(self, tones: Run, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            made(tones, start=tmp_path / "none.wav")
        (tmp_path / "text.wav").write_text("hello")
        with pytest.raises(DataError, match="cannot be read as audio"):
            made(tones, start=tmp_path / "text.wav")


def test_a_run_on_sounds_is_no_run_on_pictures(tones: Run) -> None:
    with pytest.raises(RunError, match="a run on audio clips, and it has to be one on images"):
        tones.spec.require(ImageMedium)
