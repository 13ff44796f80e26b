from __future__ import annotations

import json

import pytest

from sfumato.evaluation.result import Figure
from tests.evaluation.reports import report


def test_figures_are_printed_as_they_say() -> None:
    figure = Figure("share", "share", 0.4567, 0.41, 0.512, 0.5, (1200, 82), ".1%")
    assert figure.value_text == "45.7%"
    assert figure.text == "45.7% (41.0% to 51.2%)"
    assert figure.real_text == "50.0%"
    assert figure.n_text == "1,200, 82"
    refused = Figure("share", "share", None, flag="too few")
    assert (refused.text, refused.real_text, refused.n_text) == ("-", "-", "")


def test_it_is_plain_data() -> None:
    stored = json.loads(json.dumps(report().to_json(), allow_nan=False))
    assert stored["format"] == 2
    assert stored["split"]["held_out_source"] == "elsewhere"
    assert [section["key"] for section in stored["sections"]] == [
        "distance/log-mel", "classes/log-mel",
    ]  # fmt: skip


def test_a_figure_is_found_by_its_full_key() -> None:
    assert report()["distance/log-mel/held_out"].value == 0.875
    with pytest.raises(KeyError):
        report()["distance/held_out"]
