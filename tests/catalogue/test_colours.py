from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from sfumato.catalogue.colours import COLOURS, main_colour


def disc(fill: str, outline: str = "black", side: int = 144) -> Image.Image:
    picture = Image.new("RGBA", (side, side))
    edge = side // 6
    draw = ImageDraw.Draw(picture)
    draw.ellipse((edge, edge, side - edge, side - edge), fill, outline, width=max(1, side // 36))
    return picture


@pytest.mark.parametrize(
    ("fill", "colour"),
    [
        ("#ee2222", "red"), ("#ff8c00", "orange"), ("#ffe400", "yellow"), ("#2e8b3a", "green"),
        ("#3a6ee8", "blue"), ("#0000ff", "blue"), ("#7a3fa0", "purple"), ("#ffb6c8", "pink"),
        ("#7a4a28", "brown"),
        ("#8c8c8c", "grey"), ("#050505", "black"), ("#fdfdfd", "white"),
    ],
)  # fmt: skip
def test_a_disc_has_its_colour_and_not_that_of_its_outline(fill: str, colour: str) -> None:
    assert colour in COLOURS
    assert main_colour(disc(fill)) == colour
    assert main_colour(disc(fill, side=72)) == colour


def test_what_is_transparent_has_no_colour() -> None:
    picture = Image.new("RGBA", (144, 144), (255, 0, 0, 0))
    assert main_colour(picture) is None
    picture.paste(disc("green"), mask=disc("green"))
    assert main_colour(picture) == "green"


def test_no_colour_is_named_if_none_has_half() -> None:
    picture = Image.new("RGBA", (90, 90))
    for number, colour in enumerate(("red", "green", "blue")):
        picture.paste(colour, (30 * number, 0, 30 * number + 30, 90))
    assert main_colour(picture) is None
    picture.paste("red", (30, 0, 60, 90))
    assert main_colour(picture) == "red"
    assert main_colour(picture.convert("P")) == "red"
