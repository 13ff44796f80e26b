"""The learning rate over a run, relative to its peak.

Three factors, each stated in the unit that makes it independent of the others: the warm-up and
the decay in samples, so that changing the batch does not change them; the cool-down as a share of
the run, whether the run was asked for in steps or in minutes.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt


class LearningRate(BaseModel):
    """Warm up, hold or decay, cool down.

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
            samples_seen: Samples seen, counting the batch about to be applied.
            progress: Share of the asked run that is done, in [0, 1].

        Returns:
            A number in [0, 1].
        """
        rise = min(1.0, samples_seen / self.warmup) if self.warmup else 1.0
        fall = min(1.0, (self.decay / max(samples_seen, 1)) ** 0.5) if self.decay else 1.0
        left = (1.0 - progress) / self.cooldown if self.cooldown else 1.0
        return rise * fall * max(0.0, min(1.0, left))
