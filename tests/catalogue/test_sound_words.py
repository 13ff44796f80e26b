from __future__ import annotations

import re

import pytest

from sfumato.catalogue import CATALOGUE
from sfumato.catalogue.entry import MediaFile
from sfumato.catalogue.sound_words import drum_captions, one_shot_captions


class Anything(dict[str, bytes]):
    def __missing__(self, name: str) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("name", "label", "first"),
    [
        ("a/lower/gb_hihat 0.wav", "hihat", "game boy hi-hat"),
        ("_/hyphen/0_hihat_closed.wav", "hihat", "closed hi-hat"),
        ("_/hash/0_crash.wav", "cymbal", "crash cymbal"),
        ("_/dollar/4_bb_big_kick.wav", "kick", "beatbox kick drum"),
        ("s/upper/0_tamborine.wav", "shaker", "tambourine"),
        # The class of these two is not that of their folders.
        ("y/lower/can_1.wav", "click", "click"),
        ("f/lower/Perc04.wav", "shaker", "shaker"),
        ("_/question/0.wav", "voice", "voice"),
    ],
)
def test_one_shots(name: str, label: str, first: str) -> None:
    assert one_shot_captions(name, label)[0] == first


@pytest.mark.parametrize(
    ("instrument", "label", "kit", "captions"),
    [
        ("Kick", "kick", "Millo-Drums_v.1", ("kick drum", "kick drum, acoustic kit")),
        ("Sabian Hat Semi-Open", "hihat", "The Black Pearl 1.0",
         ("half-open hi-hat", "half-open hi-hat, acoustic kit")),
        ("VariBreaks Hat 1 Op", "hihat", "VariBreaks",
         ("open hi-hat", "open hi-hat, breakbeat kit")),
        ("Bongo Hi", "hand-drum", "Gimme A Hand 1.0",
         ("high bongo", "high bongo, hand percussion", "high bongo, hand drum")),
        # A name that says crash, of a sound that is a ride.
        ("crash16inch", "ride", "ColomboAcousticDrumkit",
         ("ride cymbal", "ride cymbal, acoustic kit")),
        ("Floor Tom", "tom", "BJA_Pacific", ("floor tom", "floor tom, acoustic kit")),
    ],
)  # fmt: skip
def test_drums(instrument: str, label: str, kit: str, captions: tuple[str, ...]) -> None:
    assert drum_captions(instrument, label, kit) == captions


@pytest.mark.parametrize("name", ["one-shots", "drums"])
def test_captions_are_plain_and_agree_with_the_class(name: str) -> None:
    classes: dict[str, set[str]] = {}
    for clip in CATALOGUE[name].parts(Anything()):
        assert isinstance(clip, MediaFile)
        assert clip.label is not None
        assert len(set(clip.captions)) == len(clip.captions)
        for caption in clip.captions:
            assert re.fullmatch(r"[a-z][a-z, -]+", caption)
        classes.setdefault(clip.captions[0], set()).add(clip.label)
    # No words are used for sounds of two classes.
    assert [words for words, labels in classes.items() if len(labels) > 1] == []
