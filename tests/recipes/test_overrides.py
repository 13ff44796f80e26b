from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.errors import SettingError
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.registry import find, recipes
from sfumato.objective import MinSNR, Regression
from sfumato.recipes import RecipeBase, override
from sfumato.recipes.overrides import validate

PLACES = (
    "seed", "backbone", "backbone.kind", "backbone.widths", "engine.optimizer.lr", "engine.clip",
    "engine.optimizer.betas", "engine.learning_rate.cooldown", "sampling.sampler.kind", "medium",
    "sampling.scale", "schedule.kind", "schedule.base.kind", "budget.steps", "data.labels", "name",
    "medium.background", "times.kind", "prediction.kind", "sampling.sampler.grid.kind",
    "objective.kind", "weighting.kind",
)  # fmt: skip
JARGON = ("pydantic", "input", "validation", "model_", "literal", "tag", "type=", "Traceback")


@pytest.fixture(scope="module")
def image() -> ImageRecipe:
    return find("image")


def refused(recipe: RecipeBase, *changes: str) -> str:
    with pytest.raises(SettingError) as caught:
        override(recipe, changes)
    text = str(caught.value)
    assert not [word for word in JARGON if word.lower() in text.lower()], text
    return text


def test_one_setting_changes_and_nothing_else(image: ImageRecipe) -> None:
    changed = override(image, ["engine.optimizer.lr=2e-4"])
    assert changed.engine.optimizer.lr == 2e-4
    assert override(changed, [f"engine.optimizer.lr={image.engine.optimizer.lr}"]) == image
    assert override(image, []) == image


def test_values_are_json_or_words(image: ImageRecipe) -> None:
    changed = override(
        image,
        [
            "backbone.widths=[32, 64]",
            "backbone.blocks=[1,2]",
            "backbone.attention=[false,true]",
            "medium.background=#102030",
            "engine.clip=null",
            "data.labels=false",
            "name = a=b ",
        ],
    )
    assert changed.backbone.model_dump()["widths"] == (32, 64)
    assert changed.medium.background == "#102030"
    assert changed.engine.clip is None
    assert changed.data.labels is False
    assert changed.name == "a=b"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("optim.lrr=1", ["'optim.lrr'", "did you mean 'engine.optimizer.lr'?"]),
        ("engine.optimizer.lrr=1", ["'engine.optimizer.lrr'", "did you mean 'lr'?"]),
        ("engne.batch=1", ["'engne.batch'", "did you mean 'engine.batch'?"]),
        ("batch=1", ["'batch'", "did you mean 'engine.batch'?"]),
        ("backbone.dim=128", ["'backbone.dim'", "'backbone.dim'", "known: "]),
        ("engine.batch.size=1", ["'engine.batch' is ", "has no parts"]),
        ("zzz=1", ["'zzz'", "known: backbone, budget"]),
        ("a..b=1", ["'a..b'"]),
        ("engine.batch=many", ["'engine.batch' cannot be \"many\"", "a whole number"]),
        ("engine.batch=1.5", ["cannot be 1.5", "a whole number"]),
        ("engine.batch=0", ["cannot be 0", "greater than 0"]),
        ("engine.optimizer.lr=fast", ["a number"]),
        ("engine.optimizer.betas=[0.9, 2]", ["'engine.optimizer.betas.1' cannot be 2"]),
        ("engine.optimizer.betas={}", ["a list"]),
        ("engine.compile=maybe", ["'auto', 'on' or 'off'"]),
        ("data.labels=perhaps", ["true or false"]),
        ("name=5", ["a word"]),
        ("seed=99999999999999999999", ["less than"]),
        ("medium.background=nocolour", ["nocolour"]),
        ("backbone=5", ["it has parts"]),
        ("backbone={}", ["choose one: --settings backbone.kind=NAME"]),
        ("backbone.kind=unett", ["'backbone.kind' cannot be \"unett\"", "did you mean 'unet'?"]),
        ("backbone.kind=null", ["known: transformer, unet"]),
        ("backbone.widths=[16]", ["levels but widths has 1"]),
        (
            "schedule.kind=tabulated",
            ["'schedule.betas' is missing", "--settings schedule.betas=VALUE"],
        ),
        ("data.kind=1", ["'data.kind'"]),
        ("sampling.scale=NaN", ["cannot be NaN", "finite"]),
        ("sampling.scale=inf", ["cannot be Infinity", "finite"]),
        ("engine.clip=1e999", ["cannot be Infinity", "finite"]),
        ("engine.batch", ["write it as name=value"]),
        ("=3", ["write it as name=value"]),
        ("", ["write it as name=value"]),
    ],
)
def test_refusals_name_the_setting_and_help(
    image: ImageRecipe, change: str, words: list[str]
) -> None:
    text = refused(image, change)
    assert all(word in text for word in words), text


def test_a_long_value_is_cut(image: ImageRecipe) -> None:
    assert max(len(line) for line in refused(image, "medium=" + "x" * 5000).splitlines()) < 200


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_new_kind_starts_from_its_defaults(image: ImageRecipe, order: slice) -> None:
    changes = ["backbone.kind=transformer", "backbone.dim=128"]
    changed = override(image, changes[order]).backbone.model_dump()
    assert changed["dim"] == 128
    assert "widths" not in changed
    changes = ["sampling.sampler.kind=heun", "sampling.sampler.grid.kind=edm",
               "sampling.sampler.grid.rho=5"]  # fmt: skip
    sampler = override(image, changes[order]).sampling.sampler
    assert sampler.model_dump()["kind"] == "heun"
    assert sampler.grid.model_dump()["rho"] == 5


def test_naming_the_kind_that_is_there_keeps_its_settings(image: ImageRecipe) -> None:
    changed = override(image, ["engine.optimizer.lr=0.5"])
    assert override(changed, ["engine.optimizer.kind=muon"]) == changed


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_the_earlier_name_of_a_setting_is_accepted(image: ImageRecipe, order: slice) -> None:
    once = ["weighting.kind=min-snr", "weighting.gamma=2"]
    now = [f"objective.{change}" for change in once]
    changed = override(image, once[order])
    assert changed == override(image, now[order]) != image
    assert changed.objective == Regression(MinSNR(gamma=2.0))
    assert override(image, ['weighting={"kind": "min-snr", "gamma": 2}']) == changed
    assert "'objective.weighting.gamma' cannot be 0" in refused(image, *once, "weighting.gamma=0")
    assert "'weighting.kind'" in refused(find("text"), "weighting.kind=unit")


def test_a_kind_without_defaults_is_given_its_parts(image: ImageRecipe) -> None:
    table = override(image, ["schedule.betas=[0.1, 0.2]", "schedule.kind=tabulated"])
    assert table.schedule.model_dump()["betas"] == (0.1, 0.2)
    shifted = override(
        image, ["schedule.kind=shifted", "schedule.base.kind=vp", "schedule.shift=2"]
    )
    assert shifted.schedule.model_dump()["base"]["kind"] == "vp"


def test_settings_of_text_are_changed_alike() -> None:
    changed = override(
        find("text"), ["process.keep.power=3", "process.keep.kind=power", "process.kind=uniform"]
    )
    content = changed.model_dump()["process"]
    assert content == {"kind": "uniform", "keep": {"kind": "power", "power": 3.0}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("medium.tokens=words", ["'medium.tokens' cannot be \"words\"", "'characters', 'bytes'"]),
        ("medium.context=4", ["'medium.context' cannot be 4", "greater than or equal to 8"]),
        ("medium.size=32", ["'medium.size'", "known: across_words, context"]),
        ("process.kind=maskin", ["'process.kind' cannot be", "did you mean 'masking'?"]),
        ("sampling.sampler.kind=heun", ["known: ancestral, bridge"]),
        ("backbone.widths=[1]", ["'backbone.widths'", "known: activation, depth, dim"]),
        ("backbone.timed=true", ["backbone.timed is for the uniform process"]),
    ],
)
def test_refusals_of_text_name_the_setting_and_help(change: str, words: list[str]) -> None:
    text = refused(find("text"), change)
    assert all(word in text for word in words), text


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.builds(
                "{}={}".format,
                st.one_of(
                    st.sampled_from(PLACES),
                    st.lists(
                        st.sampled_from(".".join(PLACES).split(".")), min_size=1, max_size=4
                    ).map(".".join),
                ),
                st.one_of(
                    st.text(max_size=8),
                    st.recursive(
                        st.none()
                        | st.booleans()
                        | st.integers()
                        | st.floats()
                        | st.text(max_size=5),
                        lambda inner: (
                            st.lists(inner, max_size=3)
                            | st.dictionaries(st.sampled_from(["kind", "a"]), inner, max_size=2)
                        ),
                        max_leaves=4,
                    ).map(json.dumps),
                ),
            ),
        ),
        max_size=3,
    )
)
def test_any_text_gives_a_recipe_or_a_setting_error(changes: list[str]) -> None:
    with suppress(SettingError):
        recipe = override(recipes()["image"](), changes)
        content = json.dumps(recipe.model_dump(mode="json"), allow_nan=False)
        assert validate(json.loads(content), ImageRecipe) == recipe
