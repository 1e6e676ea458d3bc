"""Which machines the shared memory is for: those that show stores to others in the order they were made."""

from __future__ import annotations

import platform
import sys
from typing import Final

_ORDERED: Final = frozenset({"x86_64", "amd64"})


def check_machine(what: str) -> None:
    """Raise RuntimeError unless this is x86-64, and Python's own words have 64 bits; `what` begins its text.

    A counter is stored after the data that it counts, and nothing but the machine sees to it that others find
    them in that order: see the ground rules of PROTOCOL.md.
    """
    machine, bits = platform.machine(), 64 if sys.maxsize > 1 << 32 else 32
    if machine.lower() not in _ORDERED or bits != 64:
        raise RuntimeError(
            f"{what}: the shared memory is for x86-64 only, and this is {machine or 'unknown'} with a "
            f"{bits}-bit Python: others may show a counter before the data that it counts"
        )
