"""Third floor: how likely a model finds data.

::

    tokens      the bound on text, and the exact likelihood of one order of revealing
    gaussian    the bound on pictures and sounds
    ode         their likelihood along the probability-flow ODE
    divergence  the trace that it needs, exact or by random probes
    ends        how either comes from nearly clean states to the data
"""

from sfumato.likelihood.gaussian import GaussianBound, gaussian_bound
from sfumato.likelihood.ode import Divergence, Exact, FlowLikelihood, Hutchinson, flow_likelihood
from sfumato.likelihood.reconstruction import Density, End, Levels
from sfumato.likelihood.tokens import bound_on, order_likelihood

__all__ = [
    "Density",
    "Divergence",
    "End",
    "Exact",
    "FlowLikelihood",
    "GaussianBound",
    "Hutchinson",
    "Levels",
    "bound_on",
    "flow_likelihood",
    "gaussian_bound",
    "order_likelihood",
]
