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
jpeg         JPEG: the coefficients of JPEG files; jpeg_file, jpeg_scan read them
kernel_file  kernel_from: a kernel from a file
noise_level  estimate_noise: the level of white noise
sides        what the operators on sides share
"""

from sfumato.restoration.blur import Blur, Convolution, Kernel, Motion
from sfumato.restoration.grey import Grey
from sfumato.restoration.interval import Interval, Rounded
from sfumato.restoration.jpeg import JPEG
from sfumato.restoration.jpeg_file import jpeg_of, observation_of
from sfumato.restoration.kernel_file import kernel_from
from sfumato.restoration.levels import BitDepth, Clip
from sfumato.restoration.mask import Mask
from sfumato.restoration.noise_level import estimate_noise
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator, LinearMap, Operator
from sfumato.restoration.operators import OPERATORS, AnyOperator, Identity, Sequential
from sfumato.restoration.projection import Projection
from sfumato.restoration.resample import Mean, Resample

__all__ = [
    "JPEG",
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
    "estimate_noise",
    "jpeg_of",
    "kernel_from",
    "observation_of",
]
