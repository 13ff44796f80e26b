"""What this machine has, and the choices that will be made on it."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import sfumato
from sfumato.engine.compiling import choose_compile
from sfumato.engine.machine import choose_device, describe
from sfumato.engine.precision import choose_precision
from sfumato.run.directory import ROOT
from sfumato.storage import default_cache

_EXTRAS = {
    "svg": "resvg_py",
    "tensorboard": "tensorboard",
    "text": "tokenizers",
    "molecules": "rdkit",
    "audio": "soundfile",
    "audio-metrics": "onnxruntime",
    "speech": "faster_whisper",
}


def examine() -> dict[str, Any]:
    """Facts and choices as plain data."""
    facts = asdict(describe(ROOT))
    gigabytes = {key: facts.pop(key) for key in ("memory", "disk_free")}
    device = choose_device()
    return {
        "sfumato": sfumato.__version__,
        **facts,
        **{f"{k}_gb": None if v is None else round(v / 1e9, 1) for k, v in gigabytes.items()},
        "device": str(device),
        "precision": str(choose_precision("auto", device)),
        "compile": str(choose_compile("auto", device, None, repeated=True)),
        "cache": str(default_cache()),
        "npm": shutil.which("npm") or "not found (needed to fetch noto-emoji and sotu only)",
        "extras": [name for name, module in _EXTRAS.items() if find_spec(module)],
    }
