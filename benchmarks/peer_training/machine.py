"""On what a table was measured."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sfumato.engine.machine import usable_cores

_PACKAGES = (
    "torch",
    "diffusers",
    "accelerate",
    "denoising-diffusion-pytorch",
    "azula",
    "deepinv",
)


def described(threads: int) -> str:
    """The month, the processor and the versions, as one sentence."""
    when = datetime.now(UTC).strftime("%B %Y")
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES if _is_here(name))
    return f"{when}, {usable_cores()} cores of {_processor()}, {threads} threads; {packages}."


def _is_here(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "an unknown processor")
