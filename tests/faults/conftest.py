"""Faults are injected for real. A few of each here; as many as TRIALS says in `make torture`."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.tally import Tally

_TALLY = Tally()
_TRIALS = os.environ.get("TRIALS")


@pytest.fixture
def tally() -> Tally:
    return _TALLY


@pytest.fixture
def count() -> Callable[..., int]:
    """How many trials: ``few``, or so many times TRIALS if that is set."""

    def trials(few: int, times: float = 1.0) -> int:
        return few if _TRIALS is None else max(few, round(times * int(_TRIALS)))

    return trials


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    page = os.environ.get("FAULTS_TABLE")
    if page and _TALLY.faults:
        when = datetime.now(UTC).strftime("%B %Y")
        heading = f"{when}, {platform.system()} on {os.cpu_count()} cores, `make torture`:"
        _TALLY.write(Path(page), heading)
