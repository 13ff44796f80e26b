"""Samples as self-contained HTML, for notebooks and report pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from PIL import Image

from sfumato.escaping import escape_html


def png(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """Encode bytes of a MIME type as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def image_html(image: Image.Image, pixelated: bool = False) -> str:
    """An image; ``pixelated`` shows it with square pixels."""
    style = ' style="image-rendering: pixelated"' if pixelated else ""
    return f'<img alt="samples"{style} src="{data_uri("image/png", png(image))}">'


def player_html(audio: bytes, caption: str = "") -> str:
    """A player for the bytes of a WAV or FLAC file, above a caption unless that is empty."""
    kind = "audio/flac" if audio.startswith(b"fLaC") else "audio/wav"
    player = f'<audio controls preload="none" src="{data_uri(kind, audio)}"></audio>'
    return f"{player}<div>{escape_html(caption)}</div>" if caption else player


def texts_html(texts: Iterable[str]) -> str:
    """Texts, each in a block of its own."""
    return "\n".join(
        f'<pre style="white-space: pre-wrap">{escape_html(text)}</pre>' for text in texts
    )
