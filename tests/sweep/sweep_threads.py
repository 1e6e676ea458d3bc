"""An experiment whose module starts a thread when it is imported."""

from __future__ import annotations

import threading
import time
from typing import Any

import cl

IMPORTED = time.monotonic_ns()
threading.Thread(target=threading.Event().wait, daemon=True).start()


def when(neurons: cl.Neurons, hang: bool | None) -> dict[str, Any]:
    """Return when this process has imported its module."""
    if hang:
        time.sleep(600)
    return {"imported": IMPORTED, "threads": threading.active_count()}
