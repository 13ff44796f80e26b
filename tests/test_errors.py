from __future__ import annotations

import pytest

from sfumato.errors import panics_raised


class PanicException(BaseException):
    """As libraries written in Rust raise it."""


def test_a_panic_can_be_caught() -> None:
    with pytest.raises(ValueError, match="gave up on it: out of range"), panics_raised():
        raise PanicException("out of range")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_all_else_goes_its_way(kind: type[BaseException]) -> None:
    with pytest.raises(kind, match="as it was"), panics_raised():
        raise kind("as it was")
