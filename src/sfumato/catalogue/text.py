"""Text sets: Shakespeare's works, addresses to a congress, and molecules as SMILES strings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from sfumato.catalogue.archive import inflate

_EDITION = "_gut"
_MOSES_FOLDER = "moses/dataset/data/"
_MOSES_HEAD = b"SMILES\n"
_MOSES_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file of text: a document of its own, or a table of them.

    Attributes:
        path: Relative, ending in ``.txt``, ``.jsonl`` or ``.csv``.
        data: The text in UTF-8, lines ending in ``\\n``.
        items: How many documents it holds.
    """

    path: str
    data: bytes
    items: int

    @property
    def note(self) -> None:
        """Texts carry their labels themselves."""
        return None


def shakespeare_works(members: Mapping[str, bytes]) -> Iterator[TextFile]:
    """Yield one file for each work, in the order of their names."""
    for name in sorted(members):
        stem = PurePosixPath(name).stem
        if stem.endswith(_EDITION):
            text = members[name].decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
            yield TextFile(f"{stem.removesuffix(_EDITION)}.txt", text.encode(), 1)


def union_speeches(members: Mapping[str, bytes]) -> Iterator[TextFile]:
    """Yield one table of the speeches by year: ``text``, ``president``, ``party``, ``year``."""
    lines = []
    for name in sorted(members):
        if name.endswith(".json"):
            speech = json.loads(members[name])
            record = {
                "text": speech["text"],
                "president": speech["name"],
                "party": speech["party"],
                "year": speech["year"],
            }
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    yield TextFile("speeches.jsonl", "".join(lines).encode(), len(lines))


def molecules(members: Mapping[str, bytes]) -> Iterator[TextFile]:
    """Yield one table of molecules: ``text`` (SMILES) and ``split`` (``train`` or ``test``)."""
    parts = [_molecules_of(members, split) for split in ("train", "test")]
    count = sum(part.count(b"\n") for part in parts)
    yield TextFile("molecules.csv", b"".join([b"text,split\n", *parts]), count)


def _molecules_of(members: Mapping[str, bytes], split: str) -> bytes:
    name = f"{_MOSES_FOLDER}{split}.csv.gz"
    table = inflate(name, members[name], _MOSES_LIMIT)
    # With one column and no quotes, a line is a molecule, and a column can be set after it.
    if not table.startswith(_MOSES_HEAD) or not table.endswith(b"\n") or b'"' in table:
        raise ValueError(f"'{name}' is not a table of SMILES")
    if b"," in table:
        raise ValueError(f"'{name}' has more than one column")
    return table.removeprefix(_MOSES_HEAD).replace(b"\n", f",{split}\n".encode())
