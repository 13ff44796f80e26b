"""Third floor: how likely a model finds data.

::

    tokens      the bound on text, and the exact likelihood of one order of revealing
    gaussian    the bound on pictures and sounds
    ends        how that bound comes from nearly clean states to the data
"""

from sfumato.likelihood.ends import Density, End, Levels
from sfumato.likelihood.gaussian import GaussianBound, gaussian_bound
from sfumato.likelihood.tokens import bound_on, order_likelihood

__all__ = [
    "Density",
    "End",
    "GaussianBound",
    "Levels",
    "bound_on",
    "gaussian_bound",
    "order_likelihood",
]
