"""What a test may have left behind: threads and open files."""

from __future__ import annotations

import os
import threading

_POOLS = ("AnyIO worker", "Trio thread")
"""Idle threads of these pools wait for more work for a while, whichever test it was that wanted them."""


def threads() -> set[threading.Thread]:
    """Return the threads that are alive, but for those of anyio's and trio's pools: they come and go."""
    return {t for t in threading.enumerate() if t.is_alive() and not t.name.startswith(_POOLS)}


def open_files() -> int:
    """Return how many files the process has open; 0 where the system does not say."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
