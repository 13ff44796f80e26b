"""The registry of methods of restoration."""

from __future__ import annotations

from typing import Annotated

from sfumato.registry import Registry
from sfumato.restoration.daps import DAPS
from sfumato.restoration.diffpir import DiffPIR
from sfumato.restoration.dps import DPS
from sfumato.restoration.method import Method
from sfumato.restoration.moment_matching import MomentMatching, Quick
from sfumato.restoration.pigdm import PiGDM
from sfumato.restoration.split_gibbs import SplitGibbs
from sfumato.restoration.tmpd import TMPD

METHODS: Registry[Method] = Registry(
    "method", Method, (MomentMatching, Quick, PiGDM, TMPD, DPS, DiffPIR, SplitGibbs, DAPS)
)
"""The methods by their ``kind``; each class has a ``summary`` of one line."""

AnyMethod = Annotated[Method, METHODS]
"""Any method with its settings, as read from a spec."""
