"""The registry of methods of restoration."""

from __future__ import annotations

from typing import Annotated

from sfumato.registry import Registry
from sfumato.restoration.method import Method
from sfumato.restoration.moment_matching import MomentMatching, Quick

METHODS: Registry[Method] = Registry("method", Method, (MomentMatching, Quick))
"""The methods by their ``kind``; each class has a ``summary`` of one line."""

AnyMethod = Annotated[Method, METHODS]
"""Any method with its settings, as read from a spec."""
