"""Training objectives: how wrong a denoiser is about known data, sample by sample.

    objective(denoiser, x0, t, noise, **cond) -> losses of shape (B,)

objective    the base classes
regression   squared errors, for Gaussian processes, and their weightings
bound        the variational bound, for categorical processes
"""

from sfumato.conditions import drop_labels
from sfumato.objective.bound import Bound, variational_bound
from sfumato.objective.objective import Objective, TokenObjective
from sfumato.objective.regression import (
    AnyWeighting,
    MinSNR,
    Regression,
    SigmoidWeighting,
    Unit,
    Weighting,
)

AnyObjective = Regression
"""Any objective of numbers with its settings, as read from a spec."""

AnyTokenObjective = Bound
"""Any objective of tokens with its settings, as read from a spec."""

__all__ = [
    "AnyObjective",
    "AnyTokenObjective",
    "AnyWeighting",
    "Bound",
    "MinSNR",
    "Objective",
    "Regression",
    "SigmoidWeighting",
    "TokenObjective",
    "Unit",
    "Weighting",
    "drop_labels",
    "variational_bound",
]
