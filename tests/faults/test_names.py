"""Names that lead elsewhere: refused, and nothing is written outside the folder that is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.errors import SfumatoError
from sfumato.runs.directory import RunDirectory, checked_name
from sfumato.training.train import planned, train
from tests.faults.tally import Tally

_BAD = (
    "..", "../evil", "a/../../evil", "/tmp/evil", "a/b", "a\\b", "C:\\evil", "C:evil", "a\0b", "",
    ".", ".hidden", "-rf", "a b", "a\nb", "x" * 101, "con", "NUL", "aux.txt", "COM1", "lpt9.run",
    "end.", "~", "$HOME", "a:stream", "\u202egnp", "ａ", "a/",
)  # fmt: skip


@pytest.mark.parametrize("name", _BAD)
def test_of_runs(
    name: str, tmp_path: Path, pictures: Path, tiny: tuple[str, ...], tally: Tally
) -> None:
    fault = tally.fault("34", "names that lead outside, or are devices: refused")
    root = tmp_path / "deep/runs"
    plan = planned("image", steps=1, changes=tiny)
    with fault.trial():
        with pytest.raises(SfumatoError, match="cannot be the name of a run"):
            list(train(pictures, plan, name, root))
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a", "run.2", "my_run-3", "console", "x" * 100, "9"])
def test_good_ones(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "\0", "."])
def test_in_metadata(
    name: str, tmp_path: Path, own_pictures: Path, tiny: tuple[str, ...], tally: Tally
) -> None:
    """What ``metadata.jsonl`` says of files elsewhere is set aside."""
    fault = tally.fault("34", "names that lead outside, or are devices: refused")
    (tmp_path / "secret.png").write_bytes((own_pictures / "cat/0.png").read_bytes())
    lines = [{"file_name": name, "label": "zebra"}, {"file_name": "cat/0.png", "label": "x"}]
    lines += [{"file_name": f"cat/{number}.png", "label": "y"} for number in range(1, 9)]
    (own_pictures / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with fault.trial():
        for event in train(own_pictures, planned("image", steps=1, changes=tiny), "r", tmp_path):
            run = event if isinstance(event, RunDirectory) else None
            if run is not None:
                assert json.loads(run.spec.read_text())["data"]["classes"] == ["x", "y"]


def test_links_that_leave(
    tmp_path: Path,
    own_pictures: Path,
    tiny: tuple[str, ...],
    tally: Tally,
    count: Callable[..., int],
) -> None:
    fault = tally.fault("34", "names that lead outside, or are devices: refused")
    (tmp_path / "secret.png").write_bytes((own_pictures / "cat/0.png").read_bytes())
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret.png").rename(tmp_path / "secret/0.png")
    (own_pictures / "cat/leaves").symlink_to(tmp_path / "secret")
    (own_pictures / "cat/zeros.png").symlink_to("/dev/zero")
    (own_pictures / "cat/circle.png").symlink_to("circle.png")
    (own_pictures / "circle").symlink_to(own_pictures)
    with fault.trial():
        for event in train(own_pictures, planned("image", steps=1, changes=tiny), "r", tmp_path):
            if isinstance(event, RunDirectory):
                assert json.loads(event.spec.read_text())["data"]["count"] == 12
