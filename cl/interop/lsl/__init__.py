"""Live events over the Lab Streaming Layer, and its markers in data streams.

The extra `lsl`: pip install 'cl-aio[lsl]'. liblsl listens on all interfaces and looks for others by
multicast; the file that `LSLAPICFG` names keeps it to this computer (`[multicast] ResolveScope = machine`).
"""

from __future__ import annotations

from cl.interop.missing import missing

try:
    import pylsl  # noqa: F401
except (ImportError, RuntimeError) as error:
    # It raises RuntimeError where there is no liblsl.
    raise missing("cl.interop.lsl", "pylsl with liblsl", "lsl") from error

from .markers import Markers
from .outlet import Outlet

__all__ = ["Markers", "Outlet"]
