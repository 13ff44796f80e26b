"""Training objectives: how wrong a denoiser is about known data, sample by sample.

    objective(denoiser, x0, t, noise, **cond) -> losses of shape (B,)

objective    the base classes
regression   squared errors, for Gaussian processes, and their weightings
bound        the variational bound, for categorical processes
"""

from typing import Annotated

from sfumato.conditions import drop_labels as drop_labels
from sfumato.objective.bound import Bound as Bound
from sfumato.objective.bound import variational_bound as variational_bound
from sfumato.objective.objective import Objective as Objective
from sfumato.objective.objective import TokenObjective as TokenObjective
from sfumato.objective.regression import WEIGHTINGS as WEIGHTINGS
from sfumato.objective.regression import AnyWeighting as AnyWeighting
from sfumato.objective.regression import MinSNR as MinSNR
from sfumato.objective.regression import Regression as Regression
from sfumato.objective.regression import SigmoidWeighting as SigmoidWeighting
from sfumato.objective.regression import Unit as Unit
from sfumato.objective.regression import Weighting as Weighting
from sfumato.registry import Registry

OBJECTIVES: Registry[Objective] = Registry(
    "objective", Objective, (Regression,), accepts=lambda kind: not kind.for_tokens
)
"""The objectives of numbers by their ``kind``; each class has a ``summary`` of one line."""

AnyObjective = Annotated[Objective, OBJECTIVES]
"""Any objective of numbers with its settings, as read from a spec."""

TOKEN_OBJECTIVES: Registry[TokenObjective] = Registry("objective of text", TokenObjective, (Bound,))
"""The objectives of tokens by their ``kind``; each class has a ``summary`` of one line."""

AnyTokenObjective = Annotated[TokenObjective, TOKEN_OBJECTIVES]
"""Any objective of tokens with its settings, as read from a spec."""
