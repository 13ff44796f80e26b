from __future__ import annotations

from typing import Any

import pytest

from sfumato.errors import SettingError
from sfumato.evaluation.score import estimates_of
from sfumato.model.options import ScoreOptions


def test_each_method_has_its_own_defaults() -> None:
    assert estimates_of(ScoreOptions()) == (8, 16)
    assert estimates_of(ScoreOptions(method="ode")) == (4, 64)
    assert estimates_of(ScoreOptions(method="ode", draws=1, steps=9, probes=2)) == (1, 9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "guess"}, "method cannot be 'guess'"),
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
        estimates_of(ScoreOptions(**asked))
