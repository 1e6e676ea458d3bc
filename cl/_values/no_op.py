"""The hook that nobody has set."""

from __future__ import annotations


def no_op(*_: object) -> None:
    """Do nothing."""
