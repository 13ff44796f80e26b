"""``sfumato doctor``: the hardware and software of this machine, and the choices made on it."""

from __future__ import annotations

import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import sfumato
from sfumato.engine.choices import choices, measure_speeds
from sfumato.engine.machine import choose_device, describe
from sfumato.runs.directory import ROOT
from sfumato.storage import default_cache

_LIBRARIES = ("numpy", "safetensors", "pillow")
_EXTRAS = {
    "svg": "resvg_py",
    "heic": "pillow_heif",
    "tensorboard": "tensorboard",
    "text": "tokenizers",
    "molecules": "rdkit",
    "audio": "soundfile",
    "aac": "av",
    "audio-metrics": "onnxruntime",
    "speech": "faster_whisper",
    "inception": "torch_fidelity",
}


def examine() -> dict[str, Any]:
    """Collect facts, choices and measurements as plain data; takes a few seconds."""
    facts = asdict(describe(ROOT))
    gigabytes = {key: facts.pop(key) for key in ("memory", "disk_free")}
    device = choose_device()
    tried = measure_speeds(device)
    return {
        "sfumato": sfumato.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        **facts,
        **{f"{k}_gb": None if v is None else round(v / 1e9, 1) for k, v in gigabytes.items()},
        "device": str(device),
        "cache": str(default_cache()),
        "npm": shutil.which("npm") or "not found (needed to fetch noto-emoji and sotu only)",
        "extras": [name for name, module in _EXTRAS.items() if find_spec(module)],
        "choices": {name: asdict(choice) for name, choice in choices(device).items()},
        "measured": {
            "products of matrices, fp32": f"{tried.fp32:,.0f} GFLOP/s",
            "products of matrices, bf16": f"{tried.bf16:,.0f} GFLOP/s",
            "attention with gradients, fused": f"{tried.fused:.1f} ms",
            "attention with gradients, explicit": f"{tried.explicit:.1f} ms",
        },
    }
