from __future__ import annotations

from tests.media.audio.conftest import make_sound

__all__ = ["make_sound"]
