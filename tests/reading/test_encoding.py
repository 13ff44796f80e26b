from __future__ import annotations

import random

import pytest

from sfumato.reading.encoding import look, named, with_order, without_mark

WORDS = "Hello there, Grüße und mehr.\n"


def looked(data: bytes, chunk: int = 1 << 16, western: bool = True) -> tuple[str, bool, bool]:
    found = look((data[at : at + chunk] for at in range(0, len(data), chunk)), western)
    return found.encoding, found.marked, found.is_text


@pytest.mark.parametrize("chunk", [7, 64, 1 << 16])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("utf-8", False, True)),
        (b"plain", ("utf-8", False, True)),
        (WORDS.encode(), ("utf-8", False, True)),
        (("é的🙂" * 999).encode(), ("utf-8", False, True)),
        (WORDS.encode("cp1252") * 9, ("cp1252", False, True)),
        ("Привет, как дела?\n".encode("cp1251") * 99, ("utf-8", False, False)),
        (WORDS.encode() * 9 + b"\xff\xe9", ("utf-8", False, True)),
        ("Привет".encode("cp1251"), ("utf-8", False, False)),
        (bytes(4096), ("utf-8", False, False)),
        (b"a\xff", ("utf-8", False, True)),
        (b"ASCII and one odd byte \x81" * 9, ("utf-8", False, True)),
    ],
)
def test_by_a_look_at_all_bytes(data: bytes, expected: tuple[str, bool, bool], chunk: int) -> None:
    assert looked(data, chunk) == expected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_by_marks_and_zero_bytes(encoding: str) -> None:
    marked = ("\ufeff" + WORDS).encode(encoding)
    assert looked(marked) == (encoding, True, True)
    assert without_mark(marked, encoding).decode(encoding) == WORDS
    assert looked(WORDS.encode(encoding)) == (encoding, False, True)
    # Zeros in what is no text are no sign of an encoding.
    assert looked(bytes(range(256)) * 9)[0] == "utf-8"
    assert looked(random.Random(0).randbytes(999))[0] == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    [
        "hi", ("我们今天去公园里散步，天气非常好。" * 40 + "\n") * 5, "สวัสดีครับผมชื่อ\n" * 20,
        "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋\n" * 4, "😀😀 hi 😀\n" * 5, "مرحبا بالعالم\n", "日本語のテキスト。\n",
    ],
)  # fmt: skip
def test_without_a_mark_in_any_script(text: str, encoding: str) -> None:
    assert looked(text.encode(encoding)) == (encoding, False, True)


def test_a_zero_byte_in_ascii_is_no_sign_of_two_bytes_a_character() -> None:
    assert looked(b"some words of text and one \0, then many more" * 3)[0] == "utf-8"


@pytest.mark.parametrize(
    ("data", "order"),
    [
        (b"\xfe\xff\0h", "utf-16-be"), (b"\xff\xfeh\0", "utf-16-le"), (b"", "utf-16-le"),
        ("hello there".encode("utf-16-be"), "utf-16-be"), (b"\xd8\0", "utf-16-le"),
        (b"plain", "utf-16-le"),
    ],
)  # fmt: skip
def test_the_order_of_the_bytes_of_an_encoding_that_was_named(data: bytes, order: str) -> None:
    assert with_order("utf-16", data) == order
    assert with_order("latin-1", data) == "latin-1"


def test_western_text_only_where_it_is_allowed() -> None:
    assert looked(WORDS.encode("cp1252"), western=False)[0] == "utf-8"


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf_8_sig", "utf-8"),
        ("Latin1", "latin-1"), ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"), (" CP1251 ", "cp1251"), ("auto", "auto"), ("sjis", "shift_jis"),
    ],
)  # fmt: skip
def test_names(name: str, usual: str) -> None:
    assert named(name) == usual


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("latin-11", "did you mean 'latin-1'"), ("windows-1525", "did you mean 'windows-1252'"),
        ("utf-7", "utf"), ("rot13", "known"), ("unicode_escape", "no encoding"),
        ("base64", "no encoding"), ("", "no encoding"), ("a\0b", "no encoding"),
    ],
)  # fmt: skip
def test_names_that_are_no_encodings_of_texts(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        named(name)
