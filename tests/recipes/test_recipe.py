from __future__ import annotations

import json

import pytest
import torch
from pydantic import TypeAdapter

from sfumato.errors import SettingError
from sfumato.media.image import ImageSettings
from sfumato.process.prediction import EDM, V
from sfumato.recipes import (
    DEFAULT,
    RECIPES,
    AnyRecipe,
    Recipe,
    RecipeBase,
    TextRecipe,
    find,
    override,
)
from sfumato.recipes.registry import summary

# Built to the size that the recipe asks for, but in no memory.
META = torch.device("meta")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_valid_and_survives_json(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    told = json.dumps(recipe.model_dump(mode="json"), allow_nan=False)
    assert TypeAdapter(AnyRecipe).validate_json(told) == recipe
    assert summary(name).endswith(".")


def of_kind(kind: type[RecipeBase]) -> list[str]:
    return [name for name in RECIPES if isinstance(find(name), kind)]


@pytest.mark.parametrize("name", of_kind(Recipe))
@pytest.mark.parametrize("classes", [0, 10])
def test_its_backbone_fits_its_pictures(name: str, classes: int) -> None:
    recipe = find(name)
    assert isinstance(recipe, Recipe)
    side = recipe.medium.size
    with META:
        network = recipe.backbone.build(channels=3, size=side, classes=classes)
        x = torch.zeros(2, 3, side, side)
        cond = {"label": torch.zeros(2, dtype=torch.int64)} if classes else {}
        assert network(x, torch.zeros(2), **cond).shape == x.shape


@pytest.mark.parametrize("name", of_kind(TextRecipe))
@pytest.mark.parametrize("kind", ["masking", "uniform"])
def test_its_backbone_fits_its_tokens(name: str, kind: str) -> None:
    recipe = override(find(name), [f"process.kind={kind}"])
    assert isinstance(recipe, TextRecipe)
    process = recipe.process.build(50)
    context = recipe.medium.context
    with META:
        network = recipe.backbone.build(process.size, process.states, context, classes=3)
        tokens = torch.zeros(2, context, dtype=torch.int64)
        # Segments have to be looked at, and tensors in no memory cannot be.
        cond = {"label": torch.zeros(2, dtype=torch.int64)}
        assert network(tokens, torch.zeros(2), **cond).shape == (2, context, 50)


def test_recipes_are_told_apart_by_their_medium() -> None:
    assert set(of_kind(Recipe)) | set(of_kind(TextRecipe)) == set(RECIPES)
    told = find("text").model_dump(mode="json")
    assert isinstance(TypeAdapter(AnyRecipe).validate_python(told), TextRecipe)
    # The specs of the first runs do not say what their medium is.
    told = find("image").model_dump(mode="json")
    told["medium"].pop("kind", None)
    assert isinstance(TypeAdapter(AnyRecipe).validate_python(told), Recipe)


def test_the_default_is_a_recipe() -> None:
    assert DEFAULT in RECIPES


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(SettingError, match="did you mean 'image'"):
        find("imge")


def test_settling_fills_in_what_the_data_decides() -> None:
    medium = ImageSettings(size=32, channels="grey")
    settled = find("image").settled(medium, 0.7)
    assert settled.medium == medium
    assert settled.sigma_data == 0.7
    assert settled.prediction == EDM(sigma_data=0.7)
    assert settled.settled(medium, 0.9) == settled


def test_a_stated_deviation_is_kept() -> None:
    recipe = override(find("image"), ["sigma_data=0.3", "prediction.kind=v"])
    settled = recipe.settled(recipe.medium, 0.7)
    assert settled.sigma_data == 0.3
    assert settled.prediction == V()


@pytest.mark.parametrize("kind", ["eps", "score"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_what_could_be_trained_but_not_sampled_is_refused(kind: str, schedule: str) -> None:
    changes = [f"prediction.kind={kind}", f"schedule.kind={schedule}"]
    with pytest.raises(SettingError, match=f"predicts {kind} says nothing"):
        override(find("image"), changes)
    # Neither change is valid alone, in either order.
    for order in (1, -1):
        changed = override(find("image"), [f"prediction.kind={kind}", "schedule.kind=vp"][::order])
        assert changed.prediction.kind == kind
