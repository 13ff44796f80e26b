"""Do the measures measure? Real items against real items, and against known damage.

Each row takes real items that were not trained on, damages them, and measures them as if a model
had made them. A measure that can be trusted reads like real on the first row, gets worse with the
strength of the damage, and finds copies where there are copies.

Of mixtures the distance is known: where a share w of the real items gives way to others, the
squared maximum mean discrepancy is w^2 times that of the others alone.

    python benchmarks/measures.py [pictures sounds texts]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from sfumato.evaluation.evaluate import measure
from sfumato.evaluation.features import Sets, extract
from sfumato.evaluation.real import pieces_of
from sfumato.evaluation.result import Section
from sfumato.media.number_data import NumberData
from sfumato.media.text.medium import TextData
from sfumato.metrics.audio_features import LogMel
from sfumato.metrics.extractor import Clips, Extractor
from sfumato.metrics.patch_components import PatchComponents
from sfumato.metrics.random_features import RandomFeatures
from sfumato.metrics.text_features import NgramFeatures
from sfumato.training.data import prepare
from sfumato.training.source import recipe_for

SEED = 0
COLUMNS = (
    ("distance", "distance/{}/held_out"),
    ("precision", "variety/{}/precision"),
    ("recall", "variety/{}/recall"),
    ("density", "variety/{}/density"),
    ("coverage", "variety/{}/coverage"),
    ("kinds", "variety/{}/vendi"),
    ("nearer than real", "copies/{}/nearer"),
    ("copied", "copies/{}/copied"),
)


@dataclass(frozen=True)
class Thirds:
    """Real items divided at random, no group on two sides: trained on, held out, and "made"."""

    training: Any
    held_out: Any
    made: Any
    groups: tuple[str, ...]


def data_of(source: str) -> Any:
    for event in prepare(source, recipe_for(source)):
        if isinstance(event, NumberData | TextData):
            return event
    raise RuntimeError("no data")


def thirds(data: NumberData, most: int) -> Thirds:
    generator = np.random.default_rng(SEED)
    items = data.dataset.items
    names = [item.group or item.name for item in items]
    unique = sorted(set(names))
    side = dict(zip(unique, generator.permutation(len(unique)) % 3, strict=True))
    sides = np.array([side[name] for name in names])
    parts = []
    for number in range(3):
        ids = np.flatnonzero(sides == number)
        parts.append(generator.permutation(ids)[:most])
    groups = tuple(names[number] for part in parts[:2] for number in part)
    training, held_out, made = (data.dataset.gather(part)[0] for part in parts)
    return Thirds(training, held_out, made, groups)


Damage = Callable[[Any, float], Any]


def rows(
    parts: Thirds, damages: Sequence[tuple[str, Sequence[float], Damage]]
) -> Iterator[tuple[str, Any]]:
    """The name of each row, and what stands for samples in it."""
    yield "real", parts.made
    for name, strengths, damage in damages:
        for strength in strengths:
            yield f"{name} {strength:g}", damage(parts.made, strength)
    for share in (0.1, 0.5, 1.0):
        yield f"copies of training items, {share:.0%}", copied(parts, share)
    others = damages[0][2](parts.made, damages[0][1][-1])
    for share in (0.25, 0.5, 0.75, 1.0):
        count = round(share * len(parts.made))
        yield f"mixture, {share:.0%} {damages[0][0]}", joined(others[:count], parts.made[count:])


def copied(parts: Thirds, share: float) -> Any:
    """Some of the real items replaced by training items."""
    count = round(share * len(parts.made))
    return joined(parts.training[:count], parts.made[count:])


def joined(one: Any, other: Any) -> Any:
    return [*one, *other] if isinstance(one, list) else np.concatenate([one, other])


def measured(
    extractor: Extractor[Any], parts: Thirds, form: Callable[[Any], Any], made: Any
) -> list[str]:
    features = extract(extractor, Sets(made, parts.training, parts.held_out), form)
    steps = measure([features], parts.groups, SEED)
    sections: list[Section] = []
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            sections, _ = stop.value
            break
    figures = {f"{one.key}/{figure.key}": figure for one in sections for figure in one.figures}
    cells = []
    for _, key in COLUMNS:
        figure = figures.get(key.format(extractor.name))
        cells.append(
            "-" if figure is None or figure.value is None else format(figure.value, figure.form)
        )
    return cells


def show(
    title: str, extractor: Extractor[Any], parts: Thirds, form: Callable[[Any], Any], damages: Any
) -> None:
    sizes = len(parts.training), len(parts.held_out), len(parts.made)
    print(f"\n{title}, {extractor.name}; {sizes[0]} trained on, {sizes[1]} held out, ", end="")
    print(f"{sizes[2]} measured\n")
    print("| measured |", " | ".join(name for name, _ in COLUMNS), "|")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, made in rows(parts, damages):
        print(f"| {name} |", " | ".join(measured(extractor, parts, form, made)), "|", flush=True)


# Pictures, uint8 (B, C, H, W).


def blurred(x: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Mixed with the mean over windows of five pixels."""
    smooth = avg_pool2d(
        torch.from_numpy(x).float(), 5, stride=1, padding=2, count_include_pad=False
    )
    return as_pixels(torch.lerp(torch.from_numpy(x).float(), smooth, strength))


def noisy(x: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(SEED).standard_normal(x.shape)
    return as_pixels(torch.from_numpy(x + 255 * strength * noise))


def blocky(x: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    small = avg_pool2d(torch.from_numpy(x).float(), int(side))
    return as_pixels(interpolate(small, size=x.shape[2:], mode="nearest"))


def fewer_kinds(x: Any, share: float) -> Any:
    """Only the first of the items, each several times: what a collapsed model makes."""
    kept = max(1, round(share * len(x)))
    return (
        [x[number % kept] for number in range(len(x))]
        if isinstance(x, list)
        else x[np.arange(len(x)) % kept]
    )


def as_pixels(x: Tensor) -> NDArray[np.uint8]:
    return np.asarray(x.round().clamp(0, 255).to(torch.uint8).numpy())


def pictures() -> None:
    parts = thirds(data_of("openmoji"), 600)
    damages = (
        ("blur", (0.25, 0.5, 1.0), blurred),
        ("noise", (0.03, 0.1, 0.3), noisy),
        ("blocks of", (2, 4, 8), blocky),
        ("kinds kept", (0.5, 0.2, 0.05), fewer_kinds),
    )
    channels = parts.training.shape[1]
    for extractor in (RandomFeatures(channels), PatchComponents.of(parts.training)):
        show("openmoji", extractor, parts, lambda items: items, damages)


# Sounds, int16 (B, C, N).


def hiss(x: NDArray[np.int16], strength: float) -> NDArray[np.int16]:
    noise = np.random.default_rng(SEED).standard_normal(x.shape)
    return as_samples(x + 32768 * strength * noise)


def dull(x: NDArray[np.int16], width: float) -> NDArray[np.int16]:
    """Averaged over windows of so many samples."""
    kernel = np.ones(int(width)) / int(width)
    return as_samples(np.apply_along_axis(np.convolve, -1, x.astype(float), kernel, mode="same"))


def late(x: NDArray[np.int16], seconds: float) -> NDArray[np.int16]:
    shift = round(16000 * seconds)
    return np.concatenate([np.zeros_like(x[..., :shift]), x[..., : x.shape[-1] - shift]], -1)


def as_samples(x: NDArray[Any]) -> NDArray[np.int16]:
    return np.asarray(np.rint(x).clip(-32768, 32767).astype(np.int16))


def sounds() -> None:
    parts = thirds(data_of("one-shots"), 600)
    damages = (
        ("hiss", (0.001, 0.01, 0.1), hiss),
        ("dull", (4, 16, 64), dull),
        ("late, s", (0.05, 0.2, 0.5), late),
        ("kinds kept", (0.5, 0.2, 0.05), fewer_kinds),
    )
    show(
        "one-shots",
        LogMel(),
        parts,
        lambda items: Clips(torch.from_numpy(items.astype(np.float32)) / 32768, 16000),
        damages,
    )


# Texts.


def swapped(texts: list[str], share: float) -> list[str]:
    """Some letters replaced by others of the same texts."""
    generator = np.random.default_rng(SEED)
    letters = np.array(list("".join(texts)))
    found = []
    for text in texts:
        chars = np.array(list(text))
        those = generator.random(len(chars)) < share
        chars[those] = generator.choice(letters, those.sum())
        found.append("".join(chars))
    return found


def shuffled(texts: list[str], share: float) -> list[str]:
    """The words of some texts in another order."""
    generator = np.random.default_rng(SEED)
    found = []
    for number, text in enumerate(texts):
        words = text.split(" ")
        if number < share * len(texts):
            generator.shuffle(words)
        found.append(" ".join(words))
    return found


def texts() -> None:
    data = data_of("shakespeare")
    decode = data.tokenizer.decode
    known = [decode(piece) for piece in pieces_of(data.training.fixed(600))]
    unseen = [decode(piece) for piece in pieces_of(data.held_out.fixed(1200))]
    groups = tuple(str(number) for number in range(len(known) + len(unseen[::2])))
    parts = Thirds(known, unseen[::2], unseen[1::2], groups)
    damages = (
        ("letters swapped", (0.02, 0.1, 0.3), swapped),
        ("words shuffled in", (0.2, 0.5, 1.0), shuffled),
        ("kinds kept", (0.5, 0.2, 0.05), fewer_kinds),
    )
    show("shakespeare", NgramFeatures(), parts, lambda items: items, damages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    known = {"pictures": pictures, "sounds": sounds, "texts": texts}
    parser.add_argument("media", nargs="*", default=list(known), choices=[*known, []])
    for medium in parser.parse_args().media or known:
        known[medium]()


if __name__ == "__main__":
    main()
