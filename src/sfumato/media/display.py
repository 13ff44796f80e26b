"""Samples as HTML that needs no network: in notebooks and on pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape

from PIL import Image


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """Bytes of a MIME type as a URI that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture_html(picture: Image.Image, pixelated: bool = False) -> str:
    """A picture; small ones are shown with square pixels."""
    style = ' style="image-rendering: pixelated"' if pixelated else ""
    return f'<img alt="samples"{style} src="{data_uri("image/png", png(picture))}">'


def player_html(sound: bytes) -> str:
    """A player for the bytes of a WAV or FLAC file."""
    kind = "audio/flac" if sound.startswith(b"fLaC") else "audio/wav"
    return f'<audio controls preload="none" src="{data_uri(kind, sound)}"></audio>'


def texts_html(texts: Iterable[str]) -> str:
    """Texts, one block each."""
    return "\n".join(f'<pre style="white-space: pre-wrap">{escape(text)}</pre>' for text in texts)
