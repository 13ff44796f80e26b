"""What a recipe holds: what all share, and what those of Gaussian diffusion share."""

from __future__ import annotations

from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from sfumato.engine.settings import EngineSettings
from sfumato.nets.specs import Backbone
from sfumato.objective import AnyWeighting, Unit
from sfumato.process.prediction import EDM, AnyPrediction
from sfumato.process.schedule import AnySchedule, Linear
from sfumato.process.times import AnyTimes, LogNormal
from sfumato.sampling import AnySampler, Wiener


class Part(BaseModel):
    """Base of all parts of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Part):
    """Which part of the data is trained on, and with what conditions."""

    held_out: float = Field(0.05, ge=0, lt=1, description="share kept aside to measure on")
    labels: bool = Field(True, description="condition on classes where the data has them")
    label_drop: float = Field(
        0.1, ge=0, lt=1, description="share of labels hidden, so that guidance has a contrast"
    )


class BudgetSettings(Part):
    """How long a run is: in steps, in minutes, or whichever ends first."""

    steps: PositiveInt | None = None
    minutes: PositiveFloat | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.steps is None and self.minutes is None:
            raise ValueError("give steps, minutes or both")
        return self


class SamplingDefaults(Part):
    """How a run's model is sampled unless a request says otherwise."""

    sampler: Any
    steps: PositiveInt
    scale: float


class SamplingSettings(SamplingDefaults):
    """How a run's model of numbers is sampled unless a request says otherwise."""

    sampler: AnySampler = Wiener()
    steps: PositiveInt = Field(20, description="network evaluations per sample")
    scale: float = Field(
        1.0, description="guidance towards the label, 1 = off; not used without classes"
    )


class RecipeBase(Part):
    """What the plan of any run holds.

    Attributes:
        name: Of the recipe it came from.
        seed: Of everything random in training.
        data: Which part of the data is used.
        engine: How to train.
        budget: For how long.
        medium: How files become tensors or tokens.
        backbone: The network.
        sampling: How to sample by default.
    """

    name: str
    seed: int = Field(0, ge=0, lt=2**63)
    data: DataSettings = DataSettings()
    engine: EngineSettings = EngineSettings()
    budget: BudgetSettings
    medium: BaseModel
    backbone: Any
    sampling: SamplingDefaults


class GaussianRecipe(RecipeBase):
    """The plan of a run by Gaussian diffusion, but for the medium.

    Attributes:
        schedule: Signal and noise over time.
        prediction: What the backbone is trained to output.
        sigma_data: Standard deviation of the data; None until measured.
        times: Which times are trained on.
        weighting: How much each noise level counts.
        backbone: The network.
        sampling: How to sample by default.
    """

    schedule: AnySchedule = Linear()
    prediction: AnyPrediction = EDM()
    sigma_data: PositiveFloat | None = None
    times: AnyTimes = LogNormal()
    weighting: AnyWeighting = Unit()
    backbone: Backbone
    sampling: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        # The first step starts from t = 1, where the backbone's output alone must give the data.
        end = torch.ones((), dtype=torch.float64)
        _, c_out = self.prediction.to_x0(self.schedule, end)
        if not torch.isfinite(c_out):
            raise ValueError(
                f"a network that predicts {self.prediction.kind} says nothing of the data at "
                f"t = 1, where the schedule {self.schedule.kind} leaves no signal; change "
                "prediction.kind (edm, v) or schedule.kind (vp, ve)"
            )
        return self

    def settled(self, medium: BaseModel, sigma_data: float) -> Self:
        """The recipe with what depends on the data filled in.

        Args:
            medium: Settings of the medium with nothing left open.
            sigma_data: Measured standard deviation, used unless the recipe states one.
        """
        sigma = self.sigma_data or sigma_data
        prediction = EDM(sigma_data=sigma) if isinstance(self.prediction, EDM) else self.prediction
        return self.model_copy(
            update={"medium": medium, "sigma_data": sigma, "prediction": prediction}
        )
