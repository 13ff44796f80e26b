"""Panics of libraries written in Rust, as exceptions that can be caught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def panics_raised() -> Iterator[None]:
    """Turn a panic inside the block into a ``ValueError``.

    A library that meets what it holds to be impossible panics, which comes to Python as a
    ``PanicException``. That is no ``Exception``, so that one file of a stranger would end a run.

    Raises:
        ValueError: The library gave up; the message says where.
    """
    try:
        yield
    except BaseException as error:
        # Each library has a class of its own by that name, and none can be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"a library gave up on it: {error}") from error
