from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import ArrayLike

MakeSound = Callable[..., Path]


@pytest.fixture
def make_sound(tmp_path: Path) -> MakeSound:
    """Write samples of shape (N,) or (C, N) below ``tmp_path / "data"``, by the suffix."""

    def make(name: str, samples: ArrayLike, rate: int = 16_000, **options: Any) -> Path:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            kind = options.pop("format", path.suffix[1:])
            soundfile.write(stream, np.asarray(samples).T, rate, format=kind, **options)
        return path

    return make
