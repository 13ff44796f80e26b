from __future__ import annotations

import pytest
import torch

from sfumato.media.image.medium import ImageMedium
from sfumato.media.image.settings import ImageSettings
from sfumato.model.provenance import Making
from sfumato.model.trajectory import SignalTrajectory
from sfumato.process.schedule import VE, Linear, Schedule
from sfumato.sampling import State


def way_of(times: list[float], schedule: Schedule, sigma_data: float = 0.5) -> SignalTrajectory:
    medium = ImageMedium(ImageSettings(size=8, channels="rgb"))
    way = SignalTrajectory(medium.decode, schedule, sigma_data)
    x0 = torch.full((2, 3, 8, 8), 0.25)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    for k, t in enumerate(times):
        alpha, sigma = schedule.coefficients(torch.tensor(t))
        x_t = alpha * x0 + sigma * noise
        way.add(Making(0, 2, State(k, len(times) - 1, t, x_t, x0)))
    return way


@pytest.mark.parametrize("schedule", [Linear(), VE()], ids=["linear", "ve"])
def test_noise_is_shown_at_the_deviation_of_the_data(schedule: Schedule) -> None:
    (first, *_), *_ = way_of([1.0, 0.5, 0.0], schedule).frames(3)
    # A third of this noise is clipped at most once in fifty values, so its deviation stays.
    assert (first / 127.5 - 1).std() == pytest.approx(0.5, rel=0.15)


def test_the_last_frame_is_the_picture_itself() -> None:
    for strip in way_of([1.0, 0.4, 0.0], Linear()).frames(3):
        assert (strip[-1] == round(1.25 * 127.5)).all()


def test_frames_are_even_in_the_angle_however_the_steps_crowd() -> None:
    crowded = [1.0, 0.999, 0.998, 0.997, 0.9, 0.5, 0.333333, 0.1, 0.001, 0.0]
    strip = way_of(crowded, Linear()).frames(3)[0]
    assert len(strip) == 3
    # Halfway in angle is sigma = alpha * sigma_data: t = 1/3, where half of the picture is noise.
    assert 0.2 < (strip[1] / 127.5 - 1 - 0.25).std() < 0.5


def test_one_state_is_one_frame() -> None:
    assert len(way_of([0.0], Linear()).frames(5)[0]) == 1
