"""The facts about a machine."""

from __future__ import annotations

import json
from importlib.metadata import metadata

import pytest

import sfumato
from sfumato.verbs import doctor


def test_facts_choices_and_measurements_are_plain_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_EXTRAS", {"there": "json", "missing": "no_such_module"})
    facts = doctor.examine()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["sfumato"] == sfumato.__version__
    assert facts["extras"] == ["there"]
    assert facts["memory_gb"] is None or facts["memory_gb"] > 0
    assert facts["disk_free_gb"] > 0
    for choice in facts["choices"].values():
        assert choice["choice"] and choice["reason"]
    assert all(text[0].isdigit() for text in facts["measured"].values())


def test_every_extra_of_the_package_is_known() -> None:
    """All but those for the work on Sfumato itself."""
    names = set(metadata("sfumato").get_all("Provides-Extra") or ())
    internal = {"bench", "dev", "docs", "fuzz", "supply"}
    assert names - internal == set(doctor._EXTRAS)
