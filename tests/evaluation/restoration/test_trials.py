from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.evaluation.restoration.masked import Gap, gap, span
from sfumato.evaluation.restoration.trial import Trial
from sfumato.evaluation.restoration.trials import trials_of
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.settings import AudioSettings, SpectrogramSpec, WaveformSpec
from tests.media.heights.medium import HeightMedium, HeightSettings

PICTURES = ("inpaint", "outpaint", "super-resolve", "deblur", "denoise", "colourise")


def medium(*shape: int) -> Any:
    return SimpleNamespace(signal_shape=shape, plural="pictures")


def sounds(spec: Any) -> AudioMedium:
    return AudioMedium(AudioSettings(rate=4000, seconds=0.5, representation=spec))


def trial_of(name: str, *shape: int) -> Trial:
    (found,) = trials_of(medium(*shape), [name])
    return found


def observed(trial: Trial, x0: Tensor) -> tuple[Tensor, Any]:
    operator = trial.operator(1.0)
    return operator.forward(x0), operator


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_shown_and_the_plain_restoration_are_pictures(name: str) -> None:
    trial = trial_of(name, 3, 16, 24)
    values, operator = observed(trial, torch.randn(1, 3, 16, 24))
    assert trial.plain(values, operator).shape == (1, 3, 16, 24)
    assert trial.shown(values, operator).shape == (1, 3, 16, 24)
    assert trial.unknown(operator).shape == (3, 16, 24)


@pytest.mark.parametrize("name", PICTURES)
def test_the_plain_restoration_of_a_constant_grey_picture_is_exact(name: str) -> None:
    trial = trial_of(name, 3, 16, 16)
    x0 = torch.full((1, 3, 16, 16), 0.3)
    assert torch.allclose(trial.plain(*observed(trial, x0)), x0, atol=1e-5)


def test_a_box_of_half_the_sides_is_cut_out_and_its_complement() -> None:
    inner, outer = trial_of("inpaint", 1, 32, 32), trial_of("outpaint", 1, 32, 32)
    unknown = inner.unknown(inner.operator(1.0))
    assert unknown.sum() == 16 * 16
    assert unknown[:, 8:24, 8:24].all()
    assert torch.equal(unknown, ~outer.unknown(outer.operator(1.0)))


def test_each_channel_is_filled_with_its_own_mean() -> None:
    trial = trial_of("inpaint", 2, 8, 8)
    x0 = torch.tensor([0.1, -0.4]).reshape(1, 2, 1, 1).expand(1, 2, 8, 8).contiguous()
    assert torch.allclose(trial.plain(*observed(trial, x0)), x0, atol=1e-6)


def test_a_gap_is_filled_along_a_line() -> None:
    trial = trial_of("gap", 2, 64)
    x0 = torch.linspace(-1, 1, 64).expand(1, 2, 64) * torch.tensor([[[1.0], [2.0]]])
    values, operator = observed(trial, x0)
    assert trial.unknown(operator).sum() == 2 * 8
    assert torch.allclose(trial.plain(values, operator), x0, atol=1e-6)


def test_a_gap_is_filled_with_what_is_before() -> None:
    trial = trial_of("gap", 1, 64)
    assert isinstance(trial, Gap)
    # The gap is as long as a period.
    x0 = torch.randn(8).repeat(8).reshape(1, 1, 64)
    values, operator = observed(trial, x0)
    assert torch.equal(trial.repeated(values, operator), x0)


@pytest.mark.parametrize(("length", "filled"), [(3, 1.0), (3, 0.3), (3, 0.0), (40, 0.5)])
def test_there_are_data_on_both_sides_of_a_gap(length: int, filled: float) -> None:
    start, stop = gap(20, length, filled)
    assert 1 <= start < stop <= 19
    assert stop - start == min(length, 18)


def test_a_gap_of_a_sound_lasts_50_milliseconds() -> None:
    lines, waves = sounds(SpectrogramSpec(window=64)), sounds(WaveformSpec(patch=16))
    # 200 samples are 7 frames of a hop of 32, or parts of them, and one that reaches into both.
    for medium, length in ((lines, 8), (waves, 200)):
        (trial,) = trials_of(medium, ["gap"])
        start, stop = span(trial.unknown(trial.operator(1.0)))
        assert stop - start == length


def test_high_frequencies_are_unknown() -> None:
    (trial,) = trials_of(sounds(SpectrogramSpec(window=64)), ["bandwidth"])
    x0 = torch.randn(1, *trial.shape)
    values, operator = observed(trial, x0)
    plain = trial.plain(values, operator)
    assert torch.equal(plain[:, :, :16], x0[:, :, :16])
    assert not plain[:, :, 16:].any()
    assert torch.equal(trial.unknown(operator).any(0).any(1), torch.arange(32) >= 16)


@pytest.mark.parametrize(
    ("names", "medium", "words"),
    [
        (["inpant"], medium(3, 16, 16), "inpaint"),
        (["gap"], medium(3, 16, 16), "encoded as 3 x 16 x 16"),
        (["colourise"], medium(1, 16, 16), "use inpaint, outpaint"),
        (["inpaint"], sounds(SpectrogramSpec(window=64)), "use denoise, gap, bandwidth"),
        (["bandwidth"], sounds(WaveformSpec(patch=16)), "use denoise, gap"),
        (["super-resolve"], medium(1, 18, 16), "blocks of 4"),
    ],
)
def test_refusals(names: Sequence[str], medium: Any, words: str) -> None:
    with pytest.raises(SettingError) as refused:
        trials_of(medium, names)
    error = refused.value
    assert words in f"{error} {error.why} {error.hint}"


def test_a_trial_that_is_named_twice_is_made_once() -> None:
    found = trials_of(HeightMedium(HeightSettings()), ["deblur", "denoise", "deblur"])
    assert [trial.name for trial in found] == ["deblur", "denoise"]
