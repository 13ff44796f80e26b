"""Names of parts that specs choose by, known without loading torch."""

from __future__ import annotations

from typing import Literal

ActivationName = Literal["gelu", "squared-relu"]
