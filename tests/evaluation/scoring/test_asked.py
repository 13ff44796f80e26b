from __future__ import annotations

from typing import Any

import pytest

from sfumato.errors import SettingError
from sfumato.evaluation.scoring.asked import Asked, Wanted


def test_each_method_has_its_own_defaults() -> None:
    assert Asked().checked() == Wanted(draws=8, steps=16)
    assert Asked(method="ode").checked() == Wanted(draws=4, steps=64)
    assert Asked(method="ode", draws=1, steps=9, probes=2).checked() == Wanted(1, 9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "guess"}, "no method 'guess'"),
        ({"draws": 0}, "draws cannot be 0"),
        ({"steps": 0}, "steps cannot be 0"),
        ({"method": "ode", "steps": 1}, "steps cannot be 1"),
        ({"method": "ode", "probes": 0}, "probes cannot be 0"),
        ({"probes": 1}, "is for --method ode"),
        ({"held_out": -1}, "held_out cannot be -1"),
        ({"seed": -1}, "seed cannot be -1"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        Asked(**asked).checked()
