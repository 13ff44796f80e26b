from __future__ import annotations

import json

import pytest
import torch
from pydantic import TypeAdapter

from sfumato.errors import SettingError
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.recipes import AudioRecipe
from sfumato.media.image.recipes import ImageRecipe
from sfumato.media.image.settings import ImageSettings
from sfumato.media.registry import DEFAULT, AnyRecipe, find, recipes, summary
from sfumato.media.text.recipes import TextRecipe
from sfumato.objective import SigmoidWeighting
from sfumato.process.prediction import EDM, V
from sfumato.recipes import GaussianRecipe, RecipeBase, override
from sfumato.recipes.overrides import validate

# Built to the size that the recipe asks for, but in no memory.
META = torch.device("meta")


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_is_valid_and_survives_json(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    content = json.dumps(recipe.model_dump(mode="json"), allow_nan=False)
    assert TypeAdapter(AnyRecipe).validate_json(content) == recipe
    assert summary(name).endswith(".")


def of_kind(kind: type[RecipeBase]) -> list[str]:
    return [name for name in recipes() if isinstance(find(name), kind)]


@pytest.mark.parametrize("name", of_kind(ImageRecipe))
@pytest.mark.parametrize("classes", [0, 10])
def test_its_backbone_fits_its_pictures(name: str, classes: int) -> None:
    recipe = find(name)
    assert isinstance(recipe, ImageRecipe)
    side = recipe.medium.size
    with META:
        network = recipe.backbone.build(3, (side, side), classes)
        x = torch.zeros(2, 3, side, side)
        cond = {"label": torch.zeros(2, dtype=torch.int64)} if classes else {}
        assert network(x, torch.zeros(2), **cond).shape == x.shape


@pytest.mark.parametrize("name", of_kind(AudioRecipe))
def test_its_backbone_fits_its_sounds(name: str) -> None:
    recipe = find(name)
    assert isinstance(recipe, AudioRecipe)
    channels, *sides = AudioMedium(recipe.medium).signal_shape
    with META:
        network = recipe.backbone.build(channels, sides, classes=3, lengths=True)
        x = torch.zeros(2, channels, *sides)
        cond = {"label": torch.zeros(2, dtype=torch.int64), "length": torch.zeros(2)}
        assert network(x, torch.zeros(2), **cond).shape == x.shape


@pytest.mark.parametrize(
    ("name", "kind"), [("audio", "waveform"), ("audio-waveform", "spectrogram")]
)
def test_axes_have_to_agree(name: str, kind: str) -> None:
    with pytest.raises(SettingError, match=r"set backbone\.axes"):
        override(find(name), [f"medium.representation.kind={kind}"])


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
    kinds = (ImageRecipe, AudioRecipe, TextRecipe)
    assert sorted(name for kind in kinds for name in of_kind(kind)) == sorted(recipes())
    content = find("audio-waveform").model_dump(mode="json")
    assert isinstance(TypeAdapter(AnyRecipe).validate_python(content), AudioRecipe)
    content = find("text").model_dump(mode="json")
    assert isinstance(TypeAdapter(AnyRecipe).validate_python(content), TextRecipe)
    # The specs of the first runs do not say what their medium is.
    content = find("image").model_dump(mode="json")
    content["medium"].pop("kind", None)
    assert isinstance(TypeAdapter(AnyRecipe).validate_python(content), ImageRecipe)


@pytest.mark.parametrize("name", of_kind(GaussianRecipe))
def test_a_weighting_was_once_a_setting_of_the_recipe_itself(name: str) -> None:
    """As in every spec of format 1 that was written before recipes named their objective."""
    recipe = override(find(name), ["objective.weighting.kind=sigmoid"])
    now = recipe.model_dump(mode="json")
    assert now["objective"] == {"kind": "regression", "weighting": {"kind": "sigmoid", "bias": 0.0}}
    once = {key: value for key, value in now.items() if key != "objective"}
    once["weighting"] = now["objective"]["weighting"]
    given = json.dumps(once)
    assert TypeAdapter(AnyRecipe).validate_json(given) == recipe
    assert json.dumps(once) == given
    assert type(recipe).model_validate({**once, "weighting": SigmoidWeighting()}) == recipe


def test_a_renamed_setting_cannot_be_stated_twice() -> None:
    content = find("image").model_dump(mode="json")
    content["weighting"] = {"kind": "unit"}
    with pytest.raises(SettingError, match="no setting 'weighting'"):
        validate(content, ImageRecipe)


def test_the_default_is_a_recipe() -> None:
    assert DEFAULT in recipes()


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
