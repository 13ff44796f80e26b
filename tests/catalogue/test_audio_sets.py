from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

from sfumato.catalogue import CATALOGUE, Entry
from sfumato.catalogue.audio_sets import drums, one_shots, spoken_numbers
from sfumato.catalogue.entry import MediaFile

SETS = ("one-shots", "drums", "spoken-numbers")


class Archive(dict[str, bytes]):
    """Holds every member that an entry wants; its content is its name."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def __missing__(self, name: str) -> bytes:
        assert self.entry.wanted.fullmatch(name), name
        return name.encode()


def clips(name: str) -> list[MediaFile]:
    entry = CATALOGUE[name]
    return [part for part in entry.parts(Archive(entry)) if isinstance(part, MediaFile)]


@pytest.mark.parametrize("name", SETS)
def test_the_table_agrees_with_the_entry(name: str) -> None:
    found = clips(name)
    assert sum(clip.items for clip in found) == CATALOGUE[name].count
    assert len({clip.data for clip in found}) == len(found)
    # Some file systems take capitals for small letters.
    assert len({clip.path.lower() for clip in found}) == len(found)
    for clip in found:
        folder, file = clip.path.split("/")
        assert folder == clip.label
        assert file.endswith(PurePosixPath(clip.data.decode()).name)
        note = clip.note
        assert (note["file_name"], note["label"], note["group"]) == (
            clip.path, clip.label, clip.group,
        )  # fmt: skip
        assert note["text"] == (
            clip.captions[0] if len(clip.captions) == 1 else list(clip.captions)
        )


@pytest.mark.parametrize("name", ["one-shots", "drums"])
def test_every_class_has_several_sounds(name: str) -> None:
    classes = Counter(clip.label for clip in clips(name))
    assert min(classes.values()) >= 9
    assert str(len(classes)) in CATALOGUE[name].title


def test_one_shots_say_where_they_come_from() -> None:
    found = list(one_shots(Archive(CATALOGUE["one-shots"])))
    by_name = {clip.data.decode().partition("/snd/")[2]: clip for clip in found}
    for name, path in {
        "_/hyphen/0_hihat_closed.wav": "hihat/hyphen-0_hihat_closed.wav",
        "m/lower/3_tom.WAV": "tom/m-lower-3_tom.WAV",
        # Other files of these folders are of other classes.
        "_/dollar/2_bb_snare.wav": "snare/dollar-2_bb_snare.wav",
        "_/forwardslash/0_cymrev.wav": "cymbal/forwardslash-0_cymrev.wav",
    }.items():
        assert by_name[name].path == path
    twins = [by_name[f"r/lower/{number}_metal.wav"] for number in (6, 7)]
    assert twins[0].group == twins[1].group != by_name["r/lower/5_metal.wav"].group


def test_loops_are_no_one_shots() -> None:
    wanted = CATALOGUE["one-shots"].wanted
    assert not wanted.fullmatch("foxdot-0.9.0/FoxDot/snd/_loop_/foxdot.wav")
    assert not wanted.fullmatch("foxdot-0.9.0/FoxDot/lib/Buffers.py")


def test_a_kit_is_one_group() -> None:
    found = list(drums(Archive(CATALOGUE["drums"])))
    assert len({clip.group for clip in found}) == 14
    for clip in found:
        assert clip.data.decode().split("/")[-2] == clip.group
        assert clip.group in CATALOGUE["drums"].attribution
    slap = next(clip for clip in found if clip.path.endswith("Djembe1 Slap.wav"))
    assert (slap.label, slap.captions[0], slap.group) == (
        "hand-drum", "djembe slap", "circAfrique v4",
    )  # fmt: skip


def test_number_words() -> None:
    word = {clip.data.decode().split("/")[-1]: clip.label for clip in clips("spoken-numbers")}
    assert len(set(word.values())) == len(word)
    expected = {"0": "zero", "14": "fourteen", "40": "forty", "million": "million"}
    ordinals = {"h-2": "second", "h-12": "twelfth", "h-40": "fortieth", "h-hundred": "hundredth"}
    for name, spoken in {**expected, **ordinals}.items():
        assert word[f"{name}.wav"] == spoken
    assert not {"minus.wav", "day-1.wav", "mon-3.wav"} & set(word)


def test_a_missing_sound_is_noticed() -> None:
    with pytest.raises(KeyError):
        next(spoken_numbers({}))
