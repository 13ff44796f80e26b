from __future__ import annotations

import pytest
from pydantic import ValidationError

from sfumato.media.text.settings import TextSettings


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
