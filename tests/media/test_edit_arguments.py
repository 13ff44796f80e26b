from __future__ import annotations

from pathlib import Path

import pytest

from sfumato.errors import SettingError
from sfumato.media.edit_arguments import blur_from, box_from, noise_from, outpaint_from, parsed
from sfumato.media.editing import Wanted


def test_boxes() -> None:
    assert box_from("8, 9,16,17") == (8, 9, 16, 17)
    assert box_from("-1,0,2,3") == (-1, 0, 2, 3)
    assert box_from([1, 2, 3, 4]) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "bad", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "1.5,2,3,4", "1,2,3,", "९,1,1,x"]
)
def test_bad_boxes(bad: str) -> None:
    with pytest.raises(SettingError, match="not a box") as caught:
        box_from(bad)
    assert "--box 8,8,16,16" in caught.value.hint


def test_amounts_at_sides() -> None:
    assert outpaint_from("left=64, top=8") == {"left": 64, "top": 8}
    assert outpaint_from("all=4") == {"left": 4, "top": 4, "right": 4, "bottom": 4}
    assert outpaint_from({"right": 3}) == {"right": 3}


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("lefft=64", "left"),
        ("left", "left"),
        ("left=", "how much"),
        ("left=2.5", "how much"),
        ("left=1,left=2", "twice"),
        ("all=1,top=2", "twice"),
        ("", "how much"),
    ],
)
def test_bad_amounts(bad: str, word: str) -> None:
    with pytest.raises(SettingError, match=word):
        outpaint_from(bad)


def test_a_blur_is_a_number_or_a_path() -> None:
    assert blur_from("1.5") == 1.5
    assert blur_from(2) == 2.0
    assert blur_from("kernel.png") == Path("kernel.png")
    assert blur_from(Path("3")) == Path("3")


@pytest.mark.parametrize("bad", ["0", "-1", "inf", "nan", " "])
def test_bad_blurs(bad: str) -> None:
    with pytest.raises(SettingError, match="blur"):
        blur_from(bad)


def test_levels_of_noise() -> None:
    assert noise_from("auto") == "auto"
    assert noise_from("0.05") == 0.05
    with pytest.raises(SettingError, match="not a level"):
        noise_from("much")


def test_everything_that_is_wanted_is_read() -> None:
    text = Wanted(mask="m.png", box="1,2,3,4", outpaint="top=1", deblur="2", denoise="0.1")  # type: ignore[arg-type]
    assert parsed(text) == Wanted(Path("m.png"), (1, 2, 3, 4), {"top": 1}, deblur=2.0, denoise=0.1)
    assert parsed(Wanted()) == Wanted()


def test_zeros_are_operations() -> None:
    assert Wanted(super_resolve=0).operations == ("super_resolve",)
    assert Wanted(denoise=0.0, colourise=False).operations == ("denoise",)
