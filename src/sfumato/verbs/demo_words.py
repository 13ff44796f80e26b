"""The demonstration of words: pictures of prompts, of two prompts at once, and beside real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.media.captions import in_words
from sfumato.media.folder import save_png
from sfumato.media.number_data import NumberData
from sfumato.model.conditioned import words_name
from sfumato.model.open import AnyModel
from sfumato.model.options import SampleOptions
from sfumato.runs.directory import new_folder
from sfumato.verbs.demo_parts import Finished, data_of, table, written

_HELD_OUT = 12
_OWN = (
    *("red heart", "green apple", "yellow star", "blue fish", "orange cat", "purple flower"),
    *("brown dog", "black bird", "pink house", "green tree", "blue car", "a red bird"),
)
_COMPARED = 6
_FROM, _TO, _BETWEEN = "red apple", "green tree", 8


def show_words(model: AnyModel) -> Finished:
    """Make pictures of captions that were held out and of other prompts, and mix two prompts."""
    out, data = new_folder(model.directory), data_of(model)
    places = _with_words(data, words_name(model.spec))
    prompts = [*places, *_OWN]
    sheet, items = written(model, SampleOptions(len(prompts), prompts=prompts), out)
    series = SampleOptions(prompt=_FROM, to=_TO, steps_between=_BETWEEN)
    between, _ = written(model, series, out / "between")
    region = _right_half(data, out / "region.png")
    both = SampleOptions(1, prompt=_FROM, to=_TO, region=region)
    regional, _ = written(model, both, out / "region")
    files = {
        "pictures of prompts": sheet.out.path / "sheet.png",
        "from one to another": between.out.path / "sheet.png",
        "two in one picture": regional.out.path / "sheet.png",
    }
    if places:
        files["new below real"] = _beside_real(data, places, items, out / "real.png")
    name = model.directory.name
    lines = [
        *table(files),
        f"the first {len(places)} prompts are captions of pictures that were held out of training",
        "",
        "next:",
        f'  sfumato sample {name} --prompt "a blue bird" --scale 5',
        f'  sfumato sample {name} --prompt "red apple" --to "red car" --steps-between 8',
        f"  sfumato sample {name} --prompts FILE.txt   a prompt on every line",
        f"  sfumato resume {name} --minutes 30      train on, it gets better",
        "  sfumato train PATH                      your own pictures, with a .txt beside each",
    ]
    return Finished(model.directory, lines, files)


def _with_words(data: NumberData, words: str | None) -> dict[str, int]:
    """Different captions of held-out items, each with an item, evenly spaced."""
    if words is None:
        raise ValueError("the run has no words")
    found: dict[str, int] = {}
    for place in data.held_out.tolist():
        value = data.conditions[words].value(data.dataset.items[place], words)
        if value is not None:
            found.setdefault(in_words({"words": value}), place)
    captions = list(found)
    count = min(_HELD_OUT, len(captions))
    chosen = np.linspace(0, len(captions) - 1, count).round().astype(int) if count else ()
    return {captions[number]: found[captions[number]] for number in chosen}


def _right_half(data: NumberData, path: Path) -> Path:
    """Write an image that marks the right half of a picture."""
    height, width = data.medium.signal_shape[1:]
    marked = np.zeros((height, width), np.uint8)
    marked[:, width // 2 :] = 255
    save_png(Image.fromarray(marked), path)
    return path


def _beside_real(
    data: NumberData, places: dict[str, int], items: NDArray[np.uint8], path: Path
) -> Path:
    """Write real pictures above samples of their captions."""
    chosen = list(places)[:_COMPARED]
    real = data.dataset.gather(np.array([places[caption] for caption in chosen]))[0]
    pairs = np.concatenate([real.transpose(0, 2, 3, 1), items[: len(chosen)]])
    captions = [*(f"real: {caption}" for caption in chosen), *(f"new: {one}" for one in chosen)]
    sheet = data.medium.sheet(pairs, columns=len(chosen), captions=captions)  # type: ignore[attr-defined]
    save_png(sheet, path)
    return path
