"""The settings of the engine: how to train, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from sfumato.engine.compiling import Switch
from sfumato.engine.optim import AdamWSpec, AnyOptimizer
from sfumato.engine.precision import PrecisionName
from sfumato.errors import SettingError

MOST_THREADS = 1024
MOST_LOADERS = 256
MOST_BATCH = 1 << 20
"""Bounds far above any use, beyond which a typing error would end the process."""


class LearningRate(BaseModel):
    """The learning rate over a run, relative to its peak: warm-up, constant or decay, cool-down.

    The warm-up and the decay are in samples, so that they do not depend on the batch size; the
    cool-down is a share of the run, whether its length is set in steps or in minutes.

    Attributes:
        warmup: Samples over which the rate rises linearly from 0.
        decay: Samples after which the rate falls as one over the square root of the samples
            seen (Karras et al. 2024, arXiv:2312.02696, equation 67); None holds it.
        cooldown: Final share of the run over which the rate falls linearly to 0
            (Hägele et al. 2024, arXiv:2405.18392).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    warmup: NonNegativeInt = 10_000
    decay: PositiveInt | None = None
    cooldown: float = Field(default=0.2, ge=0.0, le=1.0)

    def factor(self, samples_seen: int, progress: float) -> float:
        """The learning rate divided by its peak.

        Args:
            samples_seen: Number of samples so far, including the batch that is about to be applied.
            progress: Share of the run that is done, in [0, 1].

        Returns:
            A number in [0, 1].
        """
        rise = min(1.0, samples_seen / self.warmup) if self.warmup else 1.0
        fall = min(1.0, (self.decay / max(samples_seen, 1)) ** 0.5) if self.decay else 1.0
        left = (1.0 - progress) / self.cooldown if self.cooldown else 1.0
        return rise * fall * max(0.0, min(1.0, left))


class EngineSettings(BaseModel):
    """How to train.

    Attributes:
        batch: Samples per optimiser step.
        accumulate: Number of parts of a batch, to save memory; the gradient stays the same.
        optimizer: Spec of the optimiser.
        learning_rate: The learning rate over the run.
        clip: Largest global gradient norm; None never clips.
        on_divergence: What to do if a loss or a gradient is not finite: stop, or skip the step,
            which does not change the weights; more than ten skips in a row also stop the run.
        precision: Number format of matrix products.
        compile: Whether to compile the module, or its repeated blocks; auto compiles if the run is
            long enough.
        ema_width: Relative width ``sigma_rel`` of the averaged weights.
        save_minutes: Minutes between checkpoints; the first one comes within a minute.
        save_steps: Also save at multiples of this step.
        milestone_steps: Never remove the checkpoints at multiples of this step.
        keep: Number of newest checkpoints to keep.
        preview_minutes: Minutes between previews; None makes no previews.
        evaluate_samples: Samples between evaluations of the averaged weights on held-out data;
            None evaluates every half minute, or less often to take about 3 % of the time; the
            last step is always evaluated.
        progress_seconds: Seconds between progress events; 0 yields one after every step.
        batch_timeout: Seconds to wait for a batch before giving up.
        loaders: Number of threads that prepare batches; None takes one for a CPU, and most cores
            for a GPU.
        threads: Number of threads per operation on a CPU; None leaves the choice to torch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: Annotated[int, Field(gt=0, le=MOST_BATCH)] = 64
    accumulate: Annotated[int, Field(gt=0, le=MOST_BATCH)] = 1
    optimizer: AnyOptimizer = AdamWSpec()
    learning_rate: LearningRate = LearningRate()
    clip: PositiveFloat | None = 1.0
    on_divergence: Literal["stop", "skip"] = "stop"
    precision: PrecisionName = "auto"
    compile: Switch = "auto"
    ema_width: Annotated[float, Field(gt=0.0, le=0.28)] = 0.1
    save_minutes: PositiveFloat = 5.0
    save_steps: PositiveInt | None = None
    milestone_steps: PositiveInt | None = None
    keep: PositiveInt = 2
    preview_minutes: PositiveFloat | None = 1.0
    evaluate_samples: PositiveInt | None = None
    progress_seconds: NonNegativeFloat = 0.5
    batch_timeout: PositiveFloat = 600.0
    loaders: Annotated[int, Field(gt=0, le=MOST_LOADERS)] | None = None
    threads: Annotated[int, Field(gt=0, le=MOST_THREADS)] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The length of a run over all its sessions: in steps, in minutes, or whichever ends first.

    Raises:
        SettingError: Both are None, or one is not positive.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.steps, self.minutes) if limit is not None]
        if not limits or min(limits) <= 0:
            raise SettingError(
                f"A run cannot last {self.steps} steps and {self.minutes} minutes.",
                hint="Set a positive number of steps, of minutes, or both.",
            )

    def progress(self, step: int, elapsed: float) -> float:
        """Share of the run that is done, in [0, 1], after ``step`` steps and ``elapsed`` s."""
        by_step = step / self.steps if self.steps else 0.0
        by_time = elapsed / (60.0 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_step, by_time))
