"""The likelihood of data under a model.

::

    tokens          the bound on texts, and the exact likelihood of one order of unmasking
    gaussian        the variational bound on images and audio clips
    ode             their likelihood along the probability-flow ODE, and the divergence it needs
    reconstruction  the last term of both: the data given a nearly clean state
"""

from sfumato.likelihood.gaussian import GaussianBound, gaussian_bound
from sfumato.likelihood.ode import Divergence, Exact, FlowLikelihood, Hutchinson, flow_likelihood
from sfumato.likelihood.reconstruction import (
    DiscreteReconstruction,
    GaussianReconstruction,
    Reconstruction,
)
from sfumato.likelihood.tokens import order_likelihood, token_bound

__all__ = [
    "DiscreteReconstruction",
    "Divergence",
    "Exact",
    "FlowLikelihood",
    "GaussianBound",
    "GaussianReconstruction",
    "Hutchinson",
    "Reconstruction",
    "flow_likelihood",
    "gaussian_bound",
    "order_likelihood",
    "token_bound",
]
