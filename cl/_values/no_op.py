"""What is called where nothing is to be done."""

from __future__ import annotations


def no_op(*_: object) -> None:
    """Do nothing."""
