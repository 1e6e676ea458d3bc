"""What a run may take of its machine, and that it does not outlive its worker."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_NO_LIMIT: Final = 1 << 60
_CGROUP: Final = Path("/sys/fs/cgroup/memory.max")


def load() -> None:
    """Load what a child needs: it is forked more quickly without."""
    _libc()


def end_with(parent: int) -> None:
    """Have the calling process be killed when its parent, of this number, ends in whichever way."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def limit_memory() -> None:
    """Have allocations fail beyond what the machine has, and this process be the first that it kills.

    A limit that there is already (`ulimit -d`) stays, if it is lower.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(ValueError, OSError):
        present, most = resource.getrlimit(resource.RLIMIT_DATA)
        if present == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_DATA, (machine_bytes(), most))


def machine_bytes() -> int:
    """Return how much memory there is for this process: the machine's, or its control group's."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        group = int(_CGROUP.read_text())
    except (OSError, ValueError):  # none, or "max"
        group = _NO_LIMIT
    return min(found, group)


def _libc() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
