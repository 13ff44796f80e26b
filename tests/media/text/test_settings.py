from __future__ import annotations

import pytest
from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.media.text.recipes import text
from sfumato.media.text.settings import TextSettings
from sfumato.recipes import override


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "image"},
        {"tokens": "words"},
        {"vocabulary": 255},
        {"vocabulary": 65_537},
        {"context": 7},
        {"context": 8193},
        {"split": "page"},
        {"text_field": ""},
        {"max_line_mb": 0},
        {"colour": "red"},
    ],
)
def test_nonsense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TextSettings.model_validate(bad)


def test_settings_read_back() -> None:
    settings = TextSettings(tokens="bpe", split="line", context=64)
    assert TextSettings.model_validate_json(settings.model_dump_json()) == settings


def test_an_encoding_has_its_usual_name() -> None:
    assert TextSettings(encoding="ISO-8859-1").encoding == "latin-1"


def test_an_encoding_that_is_not_known() -> None:
    with pytest.raises(SettingError, match=r"(?s)medium.encoding.*did you mean 'latin-1'"):
        override(text(), ["medium.encoding=latin-11"])
