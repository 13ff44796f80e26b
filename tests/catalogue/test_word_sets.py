from __future__ import annotations

import itertools
import json
from collections import Counter
from importlib import resources

import pytest
from PIL import Image

from sfumato.catalogue import CATALOGUE
from sfumato.catalogue import word_sets as module
from sfumato.catalogue.combinations import content_words
from sfumato.catalogue.emoji_words import Words, colour_captions, emoji_words, name_captions
from sfumato.catalogue.image_sets import Emoji, to_png
from sfumato.catalogue.stamp_words import stamp_captions, stamp_keys
from sfumato.catalogue.word_sets import openmoji_words, stamps

FOLDER = "./usr/share/tuxpaint/stamps/"


def test_every_emoji_has_words() -> None:
    words = emoji_words()
    table = resources.files("sfumato.catalogue").joinpath("emoji.tsv").read_text(encoding="utf-8")
    names = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    assert [points for points, _, _ in names] == list(words)
    for one in words.values():
        assert one.name == one.name.lower()
        assert not {one.name, *one.keywords} & {""}
    assert words["2764"].name == "red heart"
    assert words["1F1EB-1F1F7"].name == "flag of france"
    assert words["1F17E"].name == "o button"


def test_captions_of_emoji() -> None:
    apple = Words("apple", ("diet", "food", "fruit", "red", "ripe", "sweet"))
    listed = ["apple, diet, food, fruit, red, ripe", "apple, sweet"]
    assert name_captions("apple", apple) == ("apple", *listed)
    assert name_captions("red delicious", apple) == ("red delicious", "apple", *listed)
    assert colour_captions(apple, "food-drink", "red") == (
        "red apple", "apple, mostly red", "apple", *listed,
    )  # fmt: skip
    assert colour_captions(apple, "people-body", "red")[0] == "apple, mostly red"
    assert colour_captions(apple, "food-drink", None)[0] == "apple"
    # A name with a colour never gets another one.
    assert colour_captions(Words("black cat", ()), "animals-nature", "grey") == ("black cat",)


def test_openmoji_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = list(itertools.product(("red", "green", "blue", "purple"), ("cap", "car", "ball")))
    points = [f"1F{number:03X}" for number in range(len(pairs))]
    words = {one: Words(thing, ()) for one, (_, thing) in zip(points, pairs, strict=True)}
    drawn = [
        Emoji(one, "objects", "", Image.new("RGBA", (36, 36 + number), colour))
        for number, (one, (colour, _)) in enumerate(zip(points, pairs, strict=True))
    ]
    monkeypatch.setattr(module, "emoji_words", lambda: words)
    monkeypatch.setattr(module, "openmoji_drawings", lambda members: iter(drawn))
    found = list(openmoji_words({}))
    assert [(one.path, one.captions[0]) for one in found] == [
        (f"{one}.png", f"{colour} {thing}")
        for one, (colour, thing) in zip(points, pairs, strict=True)
    ]
    assert {one.label for one in found} == {None}
    held = [one for one in found if one.split == "test"]
    assert len(held) == 1
    known = Counter(
        word for one in found if one.split == "train" for word in content_words(one.captions[0])
    )
    assert all(known[word] >= 2 for one in held for word in content_words(one.captions[0]))
    # Near-duplicates are on one side.
    assert not {one.group for one in held} & {one.group for one in found if one.split == "train"}


def test_equal_drawings_share_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    same = Image.new("RGBA", (36, 36), "red")
    drawn = [Emoji(points, "flags", "", same) for points in ("1F1E8-1F1F5", "1F1EB-1F1F7")]
    monkeypatch.setattr(module, "openmoji_drawings", lambda members: iter(drawn))
    first, second = openmoji_words({})
    assert first.group == second.group
    assert first.note == {
        "file_name": "1F1E8-1F1F5.png",
        "text": list(first.captions),
        "group": "1F1E8-1F1F5",
        "split": "train",
    }


@pytest.mark.parametrize(
    ("line", "name", "captions"),
    [
        ("A red apple.", "food/fruit/cartoon/apple",
         ("a red apple", "red apple", "red apple, fruit", "cartoon of a red apple")),
        ("King. Can move one step in any direction.", "symbols/chess/b_1_king",
         ("king", "king, chess piece")),
        ("A boxcar is used to carry livestock.", "vehicles/locomotive/boxcar",
         ("a boxcar", "boxcar", "boxcar, train")),
        ("Pluto—until recently, a planet.", "space/planets/9_pluto", ("pluto", "pluto, planet")),
        ("A US 1 cent piece ($.01) called a penny.", "symbols/money/001penny",
         ("a us 1 cent piece called a penny", "us 1 cent piece called a penny")),
        ("– Because a brain is precious…", "sports/football_helmet_front",
         ("football helmet front", "football helmet front, sports")),
    ],
)  # fmt: skip
def test_captions_of_stamps(line: str, name: str, captions: tuple[str, ...]) -> None:
    assert stamp_captions(f"{line}\nfr.utf8=Une chose.\n", name) == captions


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("clothes/hats/blue_fedora", "a blue fedora"), ("x/green_fedora", "a fedora")),
        (("animals/snail", "a happy snail"), ("animals/cartoon/slug2", "a happy snail")),
        (("space/rocket1", "a rocket"), ("space/rocket2", "a space ship")),
    ],
)
def test_near_duplicates_of_stamps(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert set(stamp_keys(*one)) & set(stamp_keys(*other))
    assert not set(stamp_keys(*one)) & set(stamp_keys("animals/owl", "an owl"))


def test_stamps() -> None:
    red, blue = (to_png(Image.new("RGB", (2, 2), colour)) for colour in ("red", "blue"))
    members = {
        f"{FOLDER}town/flags/redflag.png": red,
        f"{FOLDER}town/flags/redflag.txt": "A red flag.\nde.utf8=Rot – na ja.\n".encode(),
        f"{FOLDER}a/bat.png": blue,
        f"{FOLDER}a/bat.txt": b"A bat.\n",
        f"{FOLDER}a/blue.png": blue,
        f"{FOLDER}a/blue.txt": b"A picture.\n",
        f"{FOLDER}a/bat_mirror.png": red,
        f"{FOLDER}a/drawing.txt": b"A drawing that is SVG only.\n",
    }
    found = list(stamps(members))
    assert [(one.path, one.captions[0]) for one in found] == [
        ("a-bat.png", "a bat"),
        ("a-blue.png", "a picture"),
        ("town-flags-redflag.png", "a red flag"),
    ]
    assert found[0].group == found[1].group != found[2].group
    assert json.loads(json.dumps(found[0].note)) == {
        "file_name": "a-bat.png", "text": ["a bat", "bat"], "group": "caption a bat",
    }  # fmt: skip
    wanted = CATALOGUE["tuxpaint-stamps"].wanted
    assert wanted.fullmatch(f"{FOLDER}a/bat.png")
    assert not wanted.fullmatch(f"{FOLDER}symbols/alphabets/asl/a.png")
    assert not wanted.fullmatch(f"{FOLDER}a/bat.svg")
