"""English words for numbers, as a speaker says them."""

from __future__ import annotations

# fmt: off
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

LARGEST = 999_999


def cardinal(number: int) -> str:
    """The words of a number, without hyphens or "and": 1205 is "one thousand two hundred five".

    Raises:
        ValueError: The number is not within 0 and 999,999.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is not within 0 and {LARGEST:,}")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            count, rest = divmod(number, size)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_SMALL[rest]}" if rest else "")


def ordinal(number: int) -> str:
    """The words of a place in an order: 21 is "twenty first".

    Raises:
        ValueError: The number is not within 0 and 999,999.
    """
    *before, last = cardinal(number).split()
    if last.endswith("y"):
        last = last[:-1] + "ie"
    return " ".join([*before, _IRREGULAR.get(last, last + "th")])
