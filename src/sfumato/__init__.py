"""Sfumato: diffusion models for images, text and audio, with one engine.

For a user::

    import sfumato

    run = sfumato.train("images/", minutes=15)
    run.sample(16, seed=0).save("out/")
    sfumato.open("images-image").sample(4, label="cat", scale=2.0)

For a researcher, the parts: ``sfumato.process``, ``sfumato.denoiser``, ``sfumato.objective``,
``sfumato.sampling``, ``sfumato.guidance``, ``sfumato.oracle``. With ``sfumato.register`` a part of
your own, such as a sampler or a schedule, is usable wherever the built-in ones are.

``sfumato.open_run`` is ``sfumato.open`` under a name that does not hide Python's own ``open``, for
``from sfumato import open_run``.

Names load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfumato.parts import register
    from sfumato.run import Run, Samples, open_run, train
    from sfumato.run import open_run as open

__version__ = "0.1.0"

_FACE = {
    "Run": ("sfumato.run", "Run"),
    "Samples": ("sfumato.run", "Samples"),
    "open": ("sfumato.run", "open_run"),
    "open_run": ("sfumato.run", "open_run"),
    "register": ("sfumato.parts", "register"),
    "train": ("sfumato.run", "train"),
}

__all__ = ["Run", "Samples", "__version__", "open", "open_run", "register", "train"]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'sfumato' has no attribute '{name}'")
    module, attribute = _FACE[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
