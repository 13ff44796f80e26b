"""Sound sets: one-shots for live coding, drum kits, and spoken numbers.

Which class a file belongs to is written in a table beside this module. The files stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources

from sfumato.catalogue.part import LabelledFile

_FOXDOT_FOLDER = "foxdot-0.9.0/FoxDot/snd/"
_KITS_FOLDER = "./usr/share/hydrogen/data/drumkits/"
_DIGITS_FOLDER = "./usr/share/asterisk/sounds/en_US_f_Allison/digits/"


def one_shots(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
    """Yield FoxDot's samples; the caption is the folder and file that they come from."""
    for name, label, *shared in _rows("one-shots.tsv"):
        # Its folders are letters, "a/lower", and the names of other characters, "_/hash".
        path = f"{label}/{name.removeprefix('_/').replace('/', '-')}"
        group = shared[0] if shared else name
        yield LabelledFile(path, members[_FOXDOT_FOLDER + name], label, name, group)


def drums(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
    """Yield the samples of Hydrogen's kits; the caption is the instrument, the group the kit.

    A kit has the same drum struck with different force, so a kit is not to be divided.
    """
    for name, label, instrument in _rows("drums.tsv"):
        kit, file = name.split("/")
        data = members[_KITS_FOLDER + name]
        yield LabelledFile(f"{label}/{kit}-{file}", data, label, instrument, kit)


def spoken_numbers(members: Mapping[str, bytes]) -> Iterator[LabelledFile]:
    """Yield Asterisk's number words, each spoken once; label and caption are the word."""
    for name, word in _rows("spoken-numbers.tsv"):
        yield LabelledFile(f"{word}/{name}", members[_DIGITS_FOLDER + name], word, word, word)


def _rows(table: str) -> Iterator[list[str]]:
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
