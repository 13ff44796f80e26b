from __future__ import annotations

from pathlib import Path

import pytest

from sfumato.errors import SettingError
from sfumato.guidance.spec import guidance_named
from sfumato.model.scales import plain_scale, require_effect, scales_of
from sfumato.run import open_run
from sfumato.runs.spec import Spec


@pytest.fixture(scope="module")
def spec(finished_words: Path) -> Spec:
    return open_run(finished_words / "many").spec


def test_one_scale_is_of_all_conditions(spec: Spec) -> None:
    for scale in (None, 2.0, "2.5"):
        assert scales_of("many", spec, scale) is None
    assert plain_scale("2.5") == 2.5 == plain_scale(2.5)


def test_each_condition_can_have_its_own(spec: Spec) -> None:
    text = " words = 4, label=2,price=0 ,species=-1.5"
    expected = {"words": 4.0, "label": 2.0, "price": 0.0, "species": -1.5}
    assert scales_of("many", spec, text) == expected


@pytest.mark.parametrize("text", ["much", "", "nan", "inf", "1,2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=f"scale cannot be '{text}'") as error:
        plain_scale(text)
    assert "words=4,label=2" in str(error.value.hint)


@pytest.mark.parametrize("text", ["words=4,lable=2", "words=4,", "=3", "length=2"])
def test_unknown_conditions_are_refused(spec: Spec, text: str) -> None:
    with pytest.raises(SettingError, match="The run 'many' has no condition"):
        scales_of("many", spec, text)


def test_two_values_of_one_condition_are_refused(spec: Spec) -> None:
    with pytest.raises(SettingError, match="two values for 'words'"):
        scales_of("many", spec, "words=2,words=3")


def test_separate_scales_are_not_for_early_weights(spec: Spec) -> None:
    with pytest.raises(SettingError, match="one strength"):
        scales_of("many", spec, "words=2", guidance_named("auto", None))


@pytest.mark.parametrize(("scale", "scales"), [(2.0, None), (1.0, {"words": 2.0})])
def test_words_to_avoid_need_guidance(scale: float, scales: dict[str, float] | None) -> None:
    require_effect("a face", scale, scales)
    require_effect(None, 1.0, None)
    with pytest.raises(SettingError, match="no effect"):
        require_effect("a face", 1.0, None)
