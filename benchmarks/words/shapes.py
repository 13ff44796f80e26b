"""Pictures of one shape with captions, and a judge that reads them back from their pixels.

    python benchmarks/words/shapes.py FOLDER [--count 4000] [--seed 0]
    python benchmarks/words/shapes.py FOLDER --judge

The first writes a folder of PNG files with ``metadata.jsonl``: ``text`` (variants of the caption),
``split``, ``shape``, ``colour``, ``size`` and ``place``. A fifth of the combinations of these four
are held out; every pair of their values is trained on. The second judges the pictures of such a
folder and prints in what share each of them is what its line says.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.storage import new_folder

Floats = NDArray[np.float64]

SIDE = 32
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond")
COLOURS = {
    "red": (214, 40, 40),
    "yellow": (240, 205, 40),
    "green": (45, 160, 70),
    "blue": (45, 90, 215),
    "purple": (150, 60, 180),
    "black": (25, 25, 25),
}
RADII = {"small": 4.5, "large": 7.5}
PLACES = {"left": (-7, 0), "right": (7, 0), "top": (0, -7), "bottom": (0, 7), "centre": (0, 0)}
EVERY = 5
"""Every fifth combination is held out, in the order of :func:`combinations`."""

_PHRASES = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
    "centre": "in the centre",
}
_TEMPLATES = (
    "a {size} {colour} {shape} {phrase}",
    "{colour} {shape}, {size}, {place}",
    "{phrase}, a {size} {colour} {shape}",
    "a {colour} {shape} {phrase}, {size}",
    "{size} {shape} in {colour}, {place}",
)
_BACKGROUND = (215, 245)
_COLOUR_JITTER = 15
_PLACE_JITTER = 0.75
_RADIUS_JITTER = 0.08
# Points at which a pixel is looked at, in each direction.
_FINE = 4

# What the judge takes for a shape: its least contrast with the background and its least area, and
# the least share of all that is not background.
_LEAST_CONTRAST = 60.0
_LEAST_AREA = 12
_LEAST_SHARE = 0.8
_MIDDLE = 3.5
# Radii to try, around the one that gives a shape the area that was found.
_NEAR = (0.94, 1.0, 1.06)
_SOFTENINGS = 4
_LEAST_OVERLAP = 0.6
_TINY = 1e-6


class Combination(NamedTuple):
    """What a picture shows, in the words of its captions."""

    shape: str
    colour: str
    size: str
    place: str

    def captions(self) -> list[str]:
        """Its captions by all templates, of which the first is the plainest."""
        words = {**self._asdict(), "phrase": _PHRASES[self.place]}
        return [template.format(**words) for template in _TEMPLATES]

    @property
    def is_held_out(self) -> bool:
        """Whether it is among the fifth of combinations that are not trained on."""
        return combinations().index(self) % EVERY == 0


@functools.cache
def combinations() -> tuple[Combination, ...]:
    """All combinations, in the order of a hash."""
    every = itertools.starmap(Combination, itertools.product(SHAPES, COLOURS, RADII, PLACES))
    return tuple(sorted(every, key=lambda one: hashlib.blake2b(" ".join(one).encode()).digest()))


def draw(combination: Combination, seed: int, number: int) -> NDArray[np.uint8]:
    """A picture of a combination, uint8, (32, 32, 3).

    Place, size, colour and background vary with the seed and the number of the picture.
    """
    random = np.random.default_rng((seed, number))
    x, y = np.add(PLACES[combination.place], random.uniform(-_PLACE_JITTER, _PLACE_JITTER, 2))
    radius = RADII[combination.size] * (1 + random.uniform(-_RADIUS_JITTER, _RADIUS_JITTER))
    background = np.full(3, random.uniform(*_BACKGROUND))
    jitter = random.uniform(-_COLOUR_JITTER, _COLOUR_JITTER, 3)
    mask = coverage(combination.shape, radius, x, y)[..., None]
    pixels = mask * (np.array(COLOURS[combination.colour]) + jitter) + (1 - mask) * background
    rounded: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded


def coverage(shape: str, radius: float, x: float, y: float) -> Floats:
    """The share of every pixel that a shape covers, in [0, 1], (32, 32).

    Args:
        shape: One of :data:`SHAPES`.
        radius: Its size in pixels.
        x, y: Its centre of mass, from the middle of the picture to the right and down.
    """
    points = (np.arange(SIDE * _FINE) + 0.5) / _FINE - SIDE / 2
    across, down = (points[None, :] - x) / radius, (points[:, None] - y) / radius
    inside = _INSIDE[shape](*np.broadcast_arrays(across, down))
    shares: Floats = inside.reshape(SIDE, _FINE, SIDE, _FINE).mean(axis=(1, 3), dtype=np.float64)
    return shares


def _below(x: Floats, y: Floats, turns: int) -> Floats:
    """How far points are out in directions that divide a turn evenly, from up, (turns, ...)."""
    angles = 2 * np.pi * np.arange(turns) / turns
    return np.stack([np.sin(angle) * x - np.cos(angle) * y for angle in angles])


def _is_in_cross(x: Floats, y: Floats) -> NDArray[np.bool_]:
    least, most = np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    return (least <= 0.34) & (most <= 1.05)


_INSIDE: dict[str, Callable[[Floats, Floats], NDArray[np.bool_]]] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= 0.87,
    # Its sides face down and up to the left and right.
    "triangle": lambda x, y: _below(x, -y, 3).max(axis=0) <= 0.6,
    # A pentagram lies within four of the five lines that its points are drawn by.
    "star": lambda x, y: (_below(x, y, 5) <= 0.42).sum(axis=0) >= 4,
    "cross": _is_in_cross,
    "diamond": lambda x, y: abs(x) + abs(y) <= 1.2,
}


def write(folder: Path, count: int = 4000, seed: int = 0) -> None:
    """Write a set of pictures with its metadata.

    Args:
        folder: The folder to create.
        count: Number of pictures; combinations take turns.
        seed: Seed of the pictures. Which combinations are held out does not depend on it.

    Raises:
        FileExistsError: The folder is there already.
    """
    if folder.exists():
        raise FileExistsError(f"'{folder}' is there already: name a new folder.")
    every = combinations()
    with new_folder(folder) as building:
        lines = []
        for number in range(count):
            one = every[number % len(every)]
            name = f"{number:05d}.png"
            Image.fromarray(draw(one, seed, number)).save(building / name)
            split = "test" if one.is_held_out else "train"
            note = {"file_name": name, "text": one.captions(), "split": split, **one._asdict()}
            lines.append(json.dumps(note) + "\n")
        (building / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")


def judge(picture: NDArray[np.uint8]) -> Combination | None:
    """What a picture shows, by its pixels alone.

    The background is the median colour of the edge. What differs from it by at least half of the
    greatest contrast is the foreground, of which the largest connected part must be nearly all. Its
    colour is the nearest of the six, its place that of its centre of mass, and shape and radius are
    those that overlap most with it among the shapes of its area in this place.

    Args:
        picture: uint8, (32, 32, 3).

    Returns:
        The combination, or None if there is no single shape.
    """
    pixels = picture.astype(np.float64)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    distance = np.linalg.norm(pixels - np.median(edge, axis=0), axis=2)
    contrast = _high(distance)
    foreground = distance >= contrast / 2
    part = _largest_part(foreground)
    if contrast < _LEAST_CONTRAST or part.sum() < _LEAST_AREA:
        return None
    if part.sum() < _LEAST_SHARE * foreground.sum():
        return None
    mask = np.where(_grown(part), np.clip(distance / contrast, 0, 1), 0)
    down, across = (
        (mask * (index - (SIDE - 1) / 2)).sum() / mask.sum() for index in np.indices(mask.shape)
    )
    overlap, shape, radius = max(
        (_overlap(template, mask), shape, radius)
        for shape, radius, template in _templates(float(mask.sum()), across, down)
    )
    if overlap < _LEAST_OVERLAP:
        return None
    return Combination(
        shape,
        _nearest_colour(np.median(pixels[part & (distance >= 0.8 * contrast)], axis=0)),
        "small" if radius < sum(RADII.values()) / 2 else "large",
        _place(across, down),
    )


def agreement(
    pictures: Sequence[NDArray[np.uint8]], requested: Sequence[Combination]
) -> dict[str, float]:
    """In what share of pictures each field is as requested, and all four are (``all``).

    A picture in which there is no single shape is wrong in all.
    """
    found = [judge(picture) for picture in pictures]
    pairs = list(zip(found, requested, strict=True))
    shares = {
        name: sum(
            one is not None and getattr(one, name) == getattr(two, name) for one, two in pairs
        )
        for name in Combination._fields
    }
    shares["all"] = sum(one == two for one, two in pairs)
    return {name: share / len(pairs) for name, share in shares.items()}


def _templates(area: float, across: float, down: float) -> Iterator[tuple[str, float, Floats]]:
    """Masks of all shapes in a place, of radii about that of an area, sharp and more and more soft.

    Yields:
        The shape, its radius, and the mask, which is 1 in the middle as the mask of a picture is.
    """
    for (shape, unit), near in itertools.product(_unit_areas().items(), _NEAR):
        radius = near * float(np.sqrt(area / unit))
        template = coverage(shape, radius, across, down)
        for _ in range(_SOFTENINGS):
            yield shape, radius, np.clip(template / _high(template), 0, 1)
            template = _softened(template)


def _softened(mask: Floats) -> Floats:
    """A mask after a binomial filter of 3 x 3, whose deviation is 0.7 pixels."""
    for axis in (0, 1):
        padded = np.pad(mask, [(1, 1) if axis == own else (0, 0) for own in (0, 1)], mode="edge")
        before, at, after = (np.take(padded, np.arange(SIDE) + step, axis) for step in range(3))
        mask = (before + 2 * at + after) / 4
    return mask


def _high(values: Floats) -> float:
    """A value that a few pixels exceed: those that stick out are no measure of the contrast."""
    return max(float(np.sort(values, axis=None)[-_LEAST_AREA]), _TINY)


@functools.cache
def _unit_areas() -> dict[str, float]:
    radius = SIDE / 4
    return {shape: float(coverage(shape, radius, 0, 0).sum()) / radius**2 for shape in SHAPES}


def _overlap(one: Floats, other: Floats) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def _nearest_colour(colour: Floats) -> str:
    return min(COLOURS, key=lambda name: float(np.linalg.norm(colour - COLOURS[name])))


def _place(across: float, down: float) -> str:
    if max(abs(across), abs(down)) < _MIDDLE:
        return "centre"
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "top" if down < 0 else "bottom"


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and the pixels beside it."""
    padded = np.pad(mask, 1)
    beside = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask | beside


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask."""
    largest, left = np.zeros_like(mask), mask.copy()
    while left.any():
        part = np.zeros_like(mask)
        part[np.unravel_index(left.argmax(), mask.shape)] = True
        while (grown := _grown(part) & left).sum() > part.sum():
            part = grown
        left &= ~part
        if part.sum() > largest.sum():
            largest = part
    return largest


def _judged(folder: Path) -> None:
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    notes = [json.loads(line) for line in lines]
    for split in dict.fromkeys(note["split"] for note in notes):
        own = [note for note in notes if note["split"] == split]
        pictures = [np.asarray(Image.open(folder / note["file_name"])) for note in own]
        requested = [Combination(*(note[name] for name in Combination._fields)) for note in own]
        shares = agreement(pictures, requested)
        print(split, len(own), *(f"{name} {share:.2%}" for name, share in shares.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", action="store_true", help="judge a folder that is there")
    arguments = parser.parse_args()
    if arguments.judge:
        _judged(arguments.folder)
    else:
        write(arguments.folder, arguments.count, arguments.seed)
