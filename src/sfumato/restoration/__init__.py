"""Restoration: clean data from an observation of them.

operator     Operator: what an observation shows; any function as an operator
operators    OPERATORS, the registry; Identity, and Sequential, several operators as one
observation  Observation: an operator, observed values and their noise
mask         Mask: known entries
resample     Mean, Resample: fewer pixels or samples
blur         Blur, Motion, Kernel: convolutions
grey         Grey: one channel from several
projection   Projection: inner products with random directions
interval     Interval, Rounded: observations that leave an interval
levels       Clip, BitDepth: limited and rounded values
sides        what the operators on sides share
"""

from sfumato.restoration.blur import Blur, Convolution, Kernel, Motion
from sfumato.restoration.grey import Grey
from sfumato.restoration.interval import Interval, Rounded
from sfumato.restoration.levels import BitDepth, Clip
from sfumato.restoration.mask import Mask
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator, LinearMap, Operator
from sfumato.restoration.operators import OPERATORS, AnyOperator, Identity, Sequential
from sfumato.restoration.projection import Projection
from sfumato.restoration.resample import Mean, Resample

__all__ = [
    "OPERATORS",
    "AnyOperator",
    "BitDepth",
    "Blur",
    "Clip",
    "Convolution",
    "FunctionOperator",
    "Grey",
    "Identity",
    "Interval",
    "Kernel",
    "LinearMap",
    "Mask",
    "Mean",
    "Motion",
    "Observation",
    "Operator",
    "Projection",
    "Resample",
    "Rounded",
    "Sequential",
]
