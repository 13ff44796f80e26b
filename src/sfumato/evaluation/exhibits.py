"""What a page shows beside the figures: pictures, sounds, texts and curves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pictures:
    """Pictures to look at.

    Attributes:
        title: What they are.
        about: How to look at them.
        images: Each with its caption: the bytes of a PNG.
    """

    title: str
    about: str
    images: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Sounds:
    """Sounds to listen to.

    Attributes:
        title: What they are.
        about: How to listen to them.
        clips: Each with its caption: the bytes of a WAV or FLAC file.
    """

    title: str
    about: str
    clips: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Texts:
    """Texts to read.

    Attributes:
        title: What they are.
        about: How to read them.
        texts: Each with its caption.
    """

    title: str
    about: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: For the legend.
        x, y: Its points, of one length.
        low, high: Intervals of ``y``; empty if unknown.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Plot:
    """Curves in one frame.

    Attributes:
        title: What they are.
        about: How to read them.
        x_title, y_title: Of the axes, with units.
        lines: At least one.
    """

    title: str
    about: str
    x_title: str
    y_title: str
    lines: tuple[Line, ...]


Exhibit = Pictures | Sounds | Texts | Plot
