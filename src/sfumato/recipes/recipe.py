"""The settings that all recipes share, and those that recipes of Gaussian diffusion share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition
from sfumato.conditioning.registry import ConditionsByName
from sfumato.data.selection import Selection
from sfumato.engine.settings import EngineSettings
from sfumato.nets.specs import Backbone
from sfumato.objective import AnyObjective, Regression
from sfumato.process.prediction import EDM, AnyPrediction
from sfumato.process.schedule import AnySchedule, Linear
from sfumato.process.times import AnyTimes, LogNormal
from sfumato.sampling import AnySampler, Wiener


class Part(BaseModel):
    """Base of all parts of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Part):
    """Which part of the data is trained on, and with what conditions."""

    held_out: float = Field(0.05, ge=0, lt=1, description="share held out for measuring")
    labels: bool = Field(True, description="condition on classes if the data has them")
    label_drop: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of labels hidden in training, which guidance needs",
    )
    include: tuple[str, ...] = Field(
        (), description="patterns such as cats/*.png: only files that match one are looked at"
    )
    exclude: tuple[str, ...] = Field(
        (), description="patterns such as **/old/*: files that match one are not looked at"
    )
    follow_links: bool = Field(False, description="follow links to folders")
    outputs: bool = Field(False, description="use samples that Sfumato made as data")

    @property
    def selection(self) -> Selection:
        """Which files of a folder are looked at."""
        return Selection(self.include, self.exclude, self.follow_links, self.outputs)


class BudgetSettings(Part):
    """The length of a run: in steps, in minutes, or whichever ends first."""

    steps: PositiveInt | None = None
    minutes: PositiveFloat | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.steps is None and self.minutes is None:
            raise ValueError("set steps, minutes or both")
        return self


class SamplingDefaults(Part):
    """The default settings of sampling."""

    sampler: Any
    steps: PositiveInt
    scale: float


class SamplingSettings(SamplingDefaults):
    """The default settings of sampling from a model of numbers."""

    sampler: AnySampler = Wiener()
    steps: PositiveInt = Field(20, description="network evaluations per sample")
    scale: float = Field(
        1.0, description="guidance towards the conditions, 1 = off; ignored without any"
    )


class RecipeBase(Part):
    """The plan of a run, as far as it is the same for all media.

    Attributes:
        name: Name of the recipe that it was made from.
        seed: Seed of everything random in training.
        data: Which part of the data is used, and with what conditions.
        engine: How the network is trained.
        budget: How long it is trained.
        medium: How files become tensors or tokens.
        backbone: The network.
        sampling: How to sample by default.
    """

    renamed: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Old names of settings, and their present names ``part.name``.

    Specs of earlier versions, and changes by name, may use the old names.
    """

    absent: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """Settings ``part.name`` that specs of earlier versions lack, and the values that they had."""

    name: str
    seed: int = Field(0, ge=0, lt=2**63)
    data: DataSettings = DataSettings()
    engine: EngineSettings = EngineSettings()
    budget: BudgetSettings
    medium: BaseModel
    backbone: Any
    sampling: SamplingDefaults

    @model_validator(mode="before")
    @classmethod
    def _with_new_names(cls, tree: Any) -> Any:
        """Move the renamed settings in plain data of an earlier version to their new places."""
        if not isinstance(tree, dict):
            return tree
        for old, new in cls.renamed.items():
            part, name = new.split(".")
            if old in tree and part not in tree:
                tree = dict(tree)
                default: BaseModel = cls.model_fields[part].default
                tree[part] = {**default.model_dump(), name: tree.pop(old)}
        return tree

    @classmethod
    def stored(cls, tree: Mapping[str, Any]) -> Self:
        """A recipe from a stored spec; settings that are newer than the spec change nothing.

        Raises:
            ValidationError: A setting is unknown or has a bad value.
        """
        filled = dict(tree)
        for path, value in cls.absent.items():
            part, name = path.split(".")
            if isinstance(filled.get(part), Mapping):
                filled[part] = {name: value, **filled[part]}
        return cls.model_validate(filled)


class GaussianRecipe(RecipeBase):
    """The plan of a run by Gaussian diffusion, without the settings of its medium.

    Attributes:
        schedule: How much signal and noise a state has at each time.
        prediction: What the backbone is trained to output.
        sigma_data: Standard deviation of the data; None until it is measured.
        times: The distribution of the times of training.
        objective: The training criterion.
        conditions: What the model learns of an item besides its content and its class, by name.
        backbone: The network.
        sampling: The defaults of sampling.
    """

    renamed = MappingProxyType({"weighting": "objective.weighting"})

    schedule: AnySchedule = Linear()
    prediction: AnyPrediction = EDM()
    sigma_data: PositiveFloat | None = None
    times: AnyTimes = LogNormal()
    objective: AnyObjective = Regression()
    conditions: ConditionsByName = Field(default_factory=dict)
    backbone: Backbone
    sampling: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        # The first step starts from t = 1, where the backbone's output alone must give the data.
        end = torch.ones((), dtype=torch.float64)
        _, c_out = self.prediction.to_x0(self.schedule, end)
        if not torch.isfinite(c_out):
            raise ValueError(
                f"a network that predicts {self.prediction.kind} says nothing about the data at "
                f"t = 1, where the schedule {self.schedule.kind} leaves no signal; change "
                "prediction.kind (edm, v) or schedule.kind (vp, ve)"
            )
        return self

    def settled(
        self,
        medium: BaseModel,
        sigma_data: float,
        conditions: Mapping[str, Condition] = MappingProxyType({}),
    ) -> Self:
        """The recipe with the settings filled in that depend on the data.

        Args:
            medium: Settings of the medium, all of them decided.
            sigma_data: Measured standard deviation, used unless the recipe states one.
            conditions: The conditions, settled on the data.
        """
        sigma = self.sigma_data or sigma_data
        prediction = EDM(sigma_data=sigma) if isinstance(self.prediction, EDM) else self.prediction
        return self.model_copy(
            update={
                "medium": medium,
                "sigma_data": sigma,
                "prediction": prediction,
                "conditions": dict(conditions),
            }
        )


RecipeT = TypeVar("RecipeT", bound=GaussianRecipe)


def with_words(recipe: RecipeT, name: str) -> RecipeT:
    """A recipe that learns from captions instead of classes.

    Args:
        recipe: The recipe for classes.
        name: Name of the new one.
    """
    data = recipe.data.model_copy(update={"labels": False})
    changes = {"name": name, "data": data, "conditions": {"words": Caption()}}
    return recipe.model_copy(update=changes)
