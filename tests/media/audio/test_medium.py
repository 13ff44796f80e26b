from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from sfumato.errors import Diverged, SettingError
from sfumato.media.audio.folder import until_end, write_sequence
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.provenance import read_recipe
from sfumato.media.audio.settings import AdvanceSpec, AudioSettings, SpectrogramSpec, WaveformSpec

RATE, SAMPLES = 4_000, 1_000
SPECS = {
    "waveform": WaveformSpec(patch=16),
    "spectrogram": SpectrogramSpec(window=64),
    "plain spectrogram": SpectrogramSpec(window=128, power=1.0),
    "advance": AdvanceSpec(window=64),
}
AnySpec = WaveformSpec | SpectrogramSpec | AdvanceSpec
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def medium(spec: AnySpec = SPECS["spectrogram"], **changes: object) -> AudioMedium:
    given = {"rate": RATE, "seconds": SAMPLES / RATE, "level": "keep", "representation": spec}
    return AudioMedium(AudioSettings.model_validate({**given, **changes}))


def clips(count: int = 4, channels: int = 1, loud: float = 0.9) -> NDArray[np.int16]:
    """Dying tones that end at 400, 600, 800, ... samples."""
    out = np.zeros((count, channels, SAMPLES), np.int16)
    for number in range(count):
        time = np.arange(400 + 200 * number)[:SAMPLES] / RATE
        for channel in range(channels):
            tone = np.sin(2 * np.pi * (300 + 200 * number + 50 * channel) * time + 1)
            out[number, channel, : len(time)] = 32767 * loud * tone * np.exp(-5 * time)
        out[number, 0, len(time) - 1] = 7
    return out


class TestExamples:
    @every_spec
    @pytest.mark.parametrize("channels", ["mono", "stereo"])
    def test_decoding_gives_the_clips_back(self, spec: AnySpec, channels: str) -> None:
        kind = medium(spec, channels=channels)
        items = clips(channels=kind.shape[0])
        encoded = kind.examples(items)
        assert encoded.x0.shape == (4, *kind.signal_shape)
        assert encoded.x0.dtype == torch.float32
        back = kind.decode(encoded.x0)
        assert back.dtype == np.float32
        assert np.array_equal(np.rint(back * 32768), items)

    def test_it_tells_how_much_is_filled(self) -> None:
        filled = medium().examples(clips()).filled
        assert filled is not None
        torch.testing.assert_close(filled, torch.tensor([0.4, 0.6, 0.8, 1.0]))
        silent = medium().examples(np.zeros((1, 1, SAMPLES), np.int16)).filled
        assert silent is not None
        assert silent.tolist() == [0]

    def test_the_longest_channel_decides(self) -> None:
        items = np.zeros((1, 2, SAMPLES), np.int16)
        items[0, 0, 100], items[0, 1, 499] = 5, -5
        filled = medium(channels="stereo").examples(items).filled
        assert filled is not None
        assert filled.tolist() == [0.5]

    def test_a_shift_is_filled_too(self) -> None:
        kind = medium(shift=0.1)
        uniforms = torch.tensor([[0.5, 0, 0.9]], dtype=torch.float64)
        encoded = kind.examples(clips(1), uniforms)
        assert encoded.filled is not None
        assert encoded.filled.item() == pytest.approx(0.6)
        assert not kind.decode(encoded.x0)[..., :190].round(4).any()

    def test_uniforms_vary_them_and_without_they_are_as_they_are(self) -> None:
        kind, items = medium(gain=6.0), clips(2)
        uniforms = torch.tensor([[0, 0, 0.9], [0, 0.999, 0.1]], dtype=torch.float64)
        plain, varied = kind.examples(items).x0, kind.examples(items, uniforms).x0
        assert torch.equal(varied[0], plain[0])
        back = kind.decode(varied)[1]
        np.testing.assert_allclose(back, -items[1] / 32768 * 0.5015, atol=2e-3)


class TestSettled:
    def test_every_bin_has_the_same_deviation(self) -> None:
        draw = np.random.default_rng(0)
        loud = 10 ** -np.linspace(0, 1, SAMPLES // 2 + 1)  # Soft at high pitches, by 20 dB.
        lines = np.fft.rfft(draw.normal(size=(64, 1, SAMPLES))) * loud
        noise = np.fft.irfft(lines)
        items = (9_000 * noise / noise.std()).clip(-32768, 32767).astype(np.int16)
        settled = medium().settled(items)
        assert medium().settings.representation.model_dump()["scales"] is None
        x0 = settled.examples(items).x0
        by_bin = x0.square().mean(dim=(0, 1, 3)).sqrt()
        torch.testing.assert_close(by_bin, torch.full((32,), 0.5), rtol=0, atol=0.02)
        unsettled = medium().examples(items).x0.square().mean(dim=(0, 1, 3)).sqrt()
        assert unsettled[1] > 2 * unsettled[-1]

    def test_what_is_settled_stays(self) -> None:
        once = medium().settled(clips())
        assert once.settled(clips(loud=0.1)) is once
        assert once.cache_key == medium().cache_key
        wave = medium(WaveformSpec(patch=16))
        assert wave.settled(clips()) is wave

    def test_channels_must_be_settled_before(self) -> None:
        with pytest.raises(SettingError, match="not resolved"):
            medium(channels="auto")


class TestDecoding:
    @every_spec
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_not_finite_diverged(self, spec: AnySpec, value: float) -> None:
        kind = medium(spec)
        x0 = torch.zeros(1, *kind.signal_shape)
        x0.view(-1)[5] = value
        with pytest.raises(Diverged, match="not finite"):
            kind.decode(x0)

    def test_a_sound_gets_the_peak_of_all_clips_unless_it_is_silent(self) -> None:
        kind = medium(WaveformSpec(patch=16), level="peak")
        x0 = torch.zeros(3, *kind.signal_shape)
        x0[0, 0, 3], x0[1, 0, 3], x0[2, 0, 3] = 0.2, -4.0, 0.005
        peaks = np.abs(kind.decode(x0)).max(axis=(1, 2))
        np.testing.assert_allclose(peaks, [0.891251, 0.891251, 0.005], rtol=1e-5)

    def test_a_sound_gets_the_loudness_of_all_clips_unless_it_is_silent(self) -> None:
        kind = medium(WaveformSpec(patch=16), level="loudness")
        x0 = torch.zeros(3, *kind.signal_shape)
        # 0.2 s of a window of 400 ms; a click, which its peak holds down; next to nothing.
        x0[0, 0], x0[1, 0, 3], x0[2, 0, 3] = 0.02, 0.5, 0.005
        peaks = np.abs(kind.decode(x0)).max(axis=(1, 2))
        np.testing.assert_allclose(peaks, [0.1, 0.891251, 0.005], rtol=1e-5)

    def test_else_only_what_is_too_loud_is_made_softer(self) -> None:
        kind = medium(WaveformSpec(patch=16), level="keep")
        x0 = torch.zeros(2, *kind.signal_shape)
        x0[0, 0, :2] = torch.tensor([0.2, -0.1])
        x0[1, 0, :2] = torch.tensor([4.0, -2.0])
        decoded = kind.decode(x0)[..., :2]
        np.testing.assert_allclose(decoded[0, 0], [0.2, -0.1])
        np.testing.assert_allclose(decoded[1, 0], [0.988553, -0.494277], rtol=1e-5)


class TestFiles:
    def test_a_sound_lasts_as_long_as_asked(self) -> None:
        clip = np.ones((2, SAMPLES), np.float32)
        assert until_end(clip, RATE, 0.1).shape == (2, 400)
        assert until_end(clip, RATE, 1e-9).shape == (2, 1)
        assert until_end(clip, RATE, None) is clip
        assert until_end(clip, RATE, 0.25).shape == (2, SAMPLES)

    def test_a_sound_that_is_cut_ends_softly(self) -> None:
        clips = np.full((2, 1, SAMPLES), 0.5, np.float32)
        ended = medium().ended(clips, [0.1, None])[0]
        assert (ended[:, :388] == 0.5).all()
        assert (np.diff(ended[:, 388:400]) < 0).all()
        assert not ended[:, 399:].any()
        assert (clips == 0.5).all()

    @pytest.mark.parametrize("level", ["peak", "loudness", "keep"])
    @pytest.mark.parametrize("seconds", [0.01, 0.1, 0.249, 0.25, None])
    def test_the_level_is_that_of_what_is_left(self, level: str, seconds: float | None) -> None:
        kind = medium(WaveformSpec(patch=16), level=level)
        soft = np.linspace(0.05, 0.8, SAMPLES) * np.sin(np.arange(SAMPLES))
        clips = (np.stack([soft, 0.2 * soft])[:, None] * 32768).astype(np.int16)
        decoded = kind.decode(kind.examples(clips).x0)
        ended = kind.ended(decoded, [seconds, seconds])
        count = SAMPLES if seconds is None else round(seconds * RATE)
        assert not ended[..., count:].any()
        peaks = np.abs(ended).max(axis=(1, 2))
        if level == "peak":
            np.testing.assert_allclose(peaks, 10 ** (-1 / 20), rtol=1e-5)
        elif level == "loudness":
            left = ended[..., :count]
            loud = np.sqrt(np.square(left).mean(axis=(1, 2)))
            assert ((np.abs(loud - 0.1) < 1e-4) | (np.abs(peaks - 10 ** (-1 / 20)) < 1e-4)).all()
        else:
            np.testing.assert_allclose(
                ended[..., : count - 12], decoded[..., : count - 12], rtol=1e-6
            )

    def test_each_sound_is_ended_by_itself(self) -> None:
        kind = medium(level="peak")
        clips = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 1, SAMPLES)).astype(np.float32)
        lengths = [0.05, None, 0.2]
        together = kind.ended(clips, lengths)
        for row, length in enumerate(lengths):
            alone = kind.ended(clips[row : row + 1], [length])[0]
            assert np.array_equal(alone, together[row])

    @pytest.mark.parametrize("suffix", ["wav", "flac"])
    def test_it_is_written_with_its_recipe(self, tmp_path: Path, suffix: str) -> None:
        clip = np.linspace(-1, 1, SAMPLES, dtype=np.float32)[None].repeat(2, axis=0)
        clip[1] *= 0.5
        path = tmp_path / f"a.{suffix}"
        medium().write(path, clip, {"seed": 3})
        samples, rate = soundfile.read(path)
        assert rate == RATE
        np.testing.assert_allclose(samples.T, clip, atol=2**-15)
        assert read_recipe(path) == {"seed": 3}

    def test_sounds_in_a_row_have_pauses_between(self, tmp_path: Path) -> None:
        three = np.stack([np.full((1, 100), value, np.float32) for value in (0.1, 0.2, 0.3)])
        write_sequence(tmp_path / "row.wav", three, medium().settings.rate)
        samples, _ = soundfile.read(tmp_path / "row.wav")
        assert len(samples) == 3 * 100 + 2 * 800
        for number, value in enumerate((0.1, 0.2, 0.3)):
            begin = 900 * number
            np.testing.assert_allclose(samples[begin : begin + 100], value, atol=1e-4)
            assert not samples[begin + 100 : begin + 900].any()

    def test_a_sheet_grows_with_what_is_on_it(self) -> None:
        waves = [clip / np.float32(32768) for clip in clips()]
        wide = medium().sheet(waves, ["a", "b", "c", "d"], columns=4)
        high = medium().sheet(waves, ["a", "b", "c", "d"], columns=1)
        assert wide.width > high.width
        assert high.height > wide.height


def test_lengths_are_in_samples() -> None:
    assert medium().lengths(clips()).tolist() == [400, 600, 800, 1000]
