from __future__ import annotations

import json

from tests.evaluation.reports import compared


def test_it_is_plain_data() -> None:
    found = compared()
    assert found.runs == ("one", "<other>")
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [run["run"] for run in stored["runs"]] == ["one", "<other>"]
    assert stored["split"]["training"] == 255
    assert [row["key"] for row in stored["rows"]] == [row.key for row in found.rows]
    assert stored["rows"][0]["difference"]["value"] == -0.5
    assert stored["rows"][1]["difference"] is None
