"""What is suspicious about rows and equations, as data."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something suspicious about rows or equations; `fit` alone makes a warning of it.

    Attributes
    ----------
    kind : str
        What it is, in a word or two.
    message : str
        What was found, and what to do.
    """

    kind: str
    message: str

    def __str__(self) -> str:
        return self.message
