"""Training criteria: how wrong a denoiser is about known data, per sample.

::

    regression   squared errors, for Gaussian processes
    bound        the variational bound, for categorical processes
    labels       labels hidden at random
"""

from sfumato.objective.bound import variational_bound
from sfumato.objective.labels import drop_labels
from sfumato.objective.regression import (
    AnyWeighting,
    MinSNR,
    Regression,
    SigmoidWeighting,
    Unit,
    Weighting,
)

__all__ = [
    "AnyWeighting",
    "MinSNR",
    "Regression",
    "SigmoidWeighting",
    "Unit",
    "Weighting",
    "drop_labels",
    "variational_bound",
]
