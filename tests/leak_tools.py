"""What a test may have left behind: threads and open files."""

from __future__ import annotations

import os
import threading

_ANYIO_NAME = "AnyIO worker thread"
_TRIO_MODULE = "trio._core._thread_cache"
"""Where trio's threads run; their names are those of what they do, or did and are about to be done with."""


def threads() -> set[threading.Thread]:
    """Return the threads that are alive, but for those of anyio's and trio's pools.

    These come and go: they wait for more work for a while, whichever test it was that wanted them, and a call
    that was left behind by a cancelled task ends some time after the task.
    """
    return {thread for thread in threading.enumerate() if thread.is_alive() and not _is_pooled(thread)}


def _is_pooled(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return thread.name in (_ANYIO_NAME, "cl-call") or getattr(target, "__module__", None) == _TRIO_MODULE


def open_files() -> int:
    """Return how many files the process has open; 0 where the system does not say."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
