"""What becomes of open devices in a fork: they are its parent's, and the fork begins anew."""

from __future__ import annotations

import os

from cl._current import devices
from cl._values.process_switches import garbage_collector, switch_interval
from cl._values.saying import Log

_log = Log()


def _begin_anew() -> None:
    """Have all devices be the parent's, whatever it was doing just then. Its threads are not here."""
    garbage_collector.begin_anew()
    switch_interval.begin_anew()
    for session in devices.begin_anew():
        try:
            session.disown()
        except Exception:  # What comes out of such a hook would only be printed.
            _log.exception("a device of the parent's could not be let go of")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
