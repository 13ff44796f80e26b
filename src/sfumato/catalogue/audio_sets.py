"""Sets of audio clips: one-shots for live coding, drum kits, and spoken numbers.

Which class a file belongs to is written in a table beside this module. The files stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType

from sfumato.catalogue.entry import Entry, MediaFile
from sfumato.catalogue.sound_words import drum_captions, one_shot_captions

_FOXDOT_FOLDER = "foxdot-0.9.0/FoxDot/snd/"
_KITS_FOLDER = "./usr/share/hydrogen/data/drumkits/"
_DIGITS_FOLDER = "./usr/share/asterisk/sounds/en_US_f_Allison/digits/"
# A long file of these sets is one sound that decays slowly, and no recording of many.
_ONE_SOUND_EACH = MappingProxyType({"medium.cut": "start"})


def one_shots(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield FoxDot's samples; the captions say what their folder and file are named after."""
    for name, label, *shared in _rows("one-shots.tsv"):
        # Its folders are letters, "a/lower", and the names of other characters, "_/hash".
        path = f"{label}/{name.removeprefix('_/').replace('/', '-')}"
        group = shared[0] if shared else name
        captions = one_shot_captions(name, label)
        yield MediaFile(path, members[_FOXDOT_FOLDER + name], label, captions, group)


def drums(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield the samples of Hydrogen's kits; captions are instrument and kit, the group the kit.

    A kit has the same drum struck with different force, so a kit is not to be divided.
    """
    for name, label, instrument in _rows("drums.tsv"):
        kit, file = name.split("/")
        data = members[_KITS_FOLDER + name]
        captions = drum_captions(instrument, label, kit)
        yield MediaFile(f"{label}/{kit}-{file}", data, label, captions, kit)


def spoken_numbers(members: Mapping[str, bytes]) -> Iterator[MediaFile]:
    """Yield Asterisk's number words, each spoken once; label and caption are the word."""
    for name, word in _rows("spoken-numbers.tsv"):
        yield MediaFile(f"{word}/{name}", members[_DIGITS_FOLDER + name], word, (word,), word)


def _rows(table: str) -> Iterator[list[str]]:
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if not line.startswith("#"))


ONE_SHOTS = Entry(
    name="one-shots",
    title="FoxDot one-shots: 337 short drums, hits, voices and noises for live coding, 16 classes",
    medium="audio",
    recipe="audio",
    registry="pypi",
    package="foxdot",
    version="0.9.0",
    file="foxdot-0.9.0.tar.gz",
    digest="sha256:f5d21aaab19c62965e5a5465ca646f1bd6274d16afd3392d7e652914194dffb1",
    # Not the loop, which is in the folder _loop_.
    wanted=re.compile(r"foxdot-0\.9\.0/(LICENSE|FoxDot/snd/[_a-z]/\w+/[^/]+\.(wav|WAV))"),
    parts=one_shots,
    noun="audio clips",
    count=337,
    licence="CC-BY-SA-4.0",
    licence_member="foxdot-0.9.0/LICENSE",
    attribution=(
        "The samples of FoxDot by Ryan Kirkbride (http://foxdot.org), CC BY-SA 4.0"
        " (https://creativecommons.org/licenses/by-sa/4.0/). FoxDot says that it has lost record of"
        " their authors, and thanks: Legowelt Sample Kits; Game Boy Drum Kit; Mike Hodnick's album"
        " Expedition; freesound.org, under CC0 1.0; the Dirt Sample Engine of TidalCycles.\n"
        "Changed: named after their folders. Selected: the WAV files, without the loop.\n"
        "The classes are not FoxDot's. They were assigned by the names of its files and by its list"
        " of sounds and, where these were silent or at odds with the sound, by measured spectrum"
        " and decay; nobody listened to them, so some are bound to be wrong.\n"
    ),
    megabytes=38,
    automatic=_ONE_SOUND_EACH,
)

DRUMS = Entry(
    name="drums",
    title="Hydrogen drum kits: 752 samples of 14 kits in 12 classes",
    medium="audio",
    recipe="audio",
    registry="debian",
    package="hydrogen-drumkits",
    version="2017.09.19~dfsg-1",
    file="hydrogen-drumkits_2017.09.19~dfsg-1_all.deb",
    digest="sha256:6ea3c6df9a67762e2362f946c695e619859126b19fbccf32a2e8f07dfd03b2f4",
    wanted=re.compile(
        r"\./usr/share/(doc/hydrogen-drumkits/copyright"
        r"|hydrogen/data/drumkits/[^/]+/[^/]+\.(aiff|flac|wav))"
    ),
    parts=drums,
    noun="audio clips",
    count=752,
    licence=(
        "GPL-2.0-only AND GPL-2.0-or-later AND CC-BY-SA-3.0 AND CC-BY-SA-3.0-US AND CC-BY-3.0"
        " AND CC0-1.0"
    ),
    licence_member="./usr/share/doc/hydrogen-drumkits/copyright",
    attribution=(
        "Drum kits of Hydrogen (http://www.hydrogen-music.org) as packaged by Debian; the licence"
        " is that of each kit, which is the group of a sound and begins its name:\n"
        "  Audiophob: soundcloud.com/audiophobdubstep, CC0 1.0\n"
        "  BJA_Pacific: Luc Tanguay, Bransin James Anderson, CC BY-SA 3.0 US\n"
        "  ColomboAcousticDrumkit: 2006 Marcos Guglielmetti, GPL 2 or later with an exception for"
        " compositions\n"
        "  ElectricEmpireKit, HardElectro1, VariBreaks: Artemiy Pavlov (Artemio), GPL 2 or later\n"
        "  ForzeeStereo: Vladimir Sadovnikov, Alexander Belokurov, GPL 2\n"
        "  Gimme A Hand 1.0, The Black Pearl 1.0: Glen MacArthur, GPL 2\n"
        "  Millo-Drums_v.1, Millo_MultiLayered2, Millo_MultiLayered3: Emiliano Grilli, GPL 2\n"
        "  circAfrique v4: Jim Harney, CC BY-SA 3.0\n"
        "  rumpf_kit_z01_h2: Emanuel Rumpf, CC BY 3.0\n"
        "Changed: named after their kits. Left out: two empty samples.\n"
        "The classes come from the names that the kits give their instruments. Class 'other' is"
        " most of the rumpf kit, whose sounds have no names or ones at odds with the sound, and a"
        " few effects.\n"
    ),
    megabytes=143,
    automatic=_ONE_SOUND_EACH,
)

SPOKEN_NUMBERS = Entry(
    name="spoken-numbers",
    title="Asterisk prompts: 63 number words, zero to billionth, each spoken once, 8 kHz",
    medium="audio",
    recipe="audio",
    registry="debian",
    package="asterisk-core-sounds-en-wav",
    version="1.6.1-1",
    file="asterisk-core-sounds-en-wav_1.6.1-1_all.deb",
    digest="sha256:2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
    wanted=re.compile(
        r"\./usr/share/(doc/asterisk-core-sounds-en-wav/copyright"
        r"|asterisk/sounds/en_US_f_Allison/digits/[\w-]+\.wav)"
    ),
    parts=spoken_numbers,
    noun="audio clips",
    count=63,
    licence="CC-BY-SA-3.0",
    licence_member="./usr/share/doc/asterisk-core-sounds-en-wav/copyright",
    attribution=(
        "Asterisk core sounds in English, recorded by Allison Smith (http://www.theivrvoice.com),"
        " 2003-2010, with contributions by Digium, Inc.; CC BY-SA 3.0"
        " (https://creativecommons.org/licenses/by-sa/3.0/). As packaged by Debian.\n"
        "Selected: 32 cardinal and 31 ordinal words of the folder of digits, without dates, times"
        " and signs.\n"
    ),
    megabytes=18,
    # Every word was said once: what is held out would never be learnt.
    settings=MappingProxyType(
        {"medium.rate": 8000, "medium.representation.window": 256, "data.held_out": 0}
    ),
    automatic=_ONE_SOUND_EACH,
)
