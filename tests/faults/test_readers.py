"""Readers of files that nobody vouches for: thousands of mutations of each kind of file.

Whatever is in a file, it is read or an error of ours says why not; nothing crashes, hangs or takes
more memory than is stated here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.engine.checkpoint import CheckpointStore
from tests.faults.hammer import hammer
from tests.faults.readers import CASES
from tests.faults.tally import Tally

_MOST = 256.0
"""MiB that reading any one of these files may add."""

# What cannot be used of these is set aside, and the rest is read.
_TOLERANT = (
    "texts", "metadata.jsonl", "metadata.csv", "records.jsonl", "records.csv", "records.json",
    "packed-records", "records-in-broken-tables",
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_of_mutated(name: str, tmp_path: Path, tally: Tally, count: Callable[..., int]) -> None:
    fault = tally.fault(f"40 {name}", f"mutated {name}: read, or refused with an error of Sfumato")
    case = CASES[name](tmp_path)
    folder = tmp_path / "input"
    folder.mkdir()
    blows = hammer(case.read, folder / case.file, case.seeds, count(150, 50), seed=len(name))
    for blow in blows:
        fault.survived += blow.inputs - len(blow.failures)
        fault.lost += len(blow.failures)
        fault.seconds += blow.seconds
    assert not [failure for blow in blows for failure in blow.failures]
    assert max(blow.megabytes for blow in blows) < _MOST
    if name not in _TOLERANT:
        assert sum(blow.refused for blow in blows) > 0, "nothing was ever refused"


@pytest.mark.parametrize("part", ["manifest.json", "state.json", "weights.safetensors"])
def test_of_a_mutated_checkpoint(
    part: str,
    tmp_path: Path,
    finished_runs: Path,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Whatever happens to one of its files, a checkpoint is never taken for a whole one."""
    fault = tally.fault(f"41 {part}", f"mutated {part} of a checkpoint: passed over")
    (source,) = (finished_runs / "unet/checkpoints").glob("step-*")
    store = CheckpointStore(tmp_path / "checkpoints")
    place = store.directory / source.name
    place.mkdir(parents=True)
    for file in source.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    seeds = [(place / part).read_bytes()]
    blows = hammer(lambda _: store.load_latest(), place / part, seeds, count(60, 5), seed=7)
    for blow in blows:
        fault.survived += blow.inputs - len(blow.failures)
        fault.lost += len(blow.failures)
        fault.seconds += blow.seconds
    assert not [failure for blow in blows for failure in blow.failures]
    inputs, refused = sum(b.inputs for b in blows), sum(b.refused for b in blows)
    # A mutation may leave a file as it was, or change the blanks of a manifest.
    assert refused > 0.9 * inputs
