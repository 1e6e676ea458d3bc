"""A live page of the device in a browser, custom visualisers, and the same in a notebook.

The page is served by the program itself: see docs/visualiser-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cl._current import devices
from cl._values.lazy import lazy_names
from cl._values.saying import Log

if TYPE_CHECKING:
    from cl._core.engine import Engine

    from . import jupyter
    from .server.custom import create_iframe_visualiser, create_visualiser
    from .server.server import VisualiserServer
    from .server.source import Source
    from .server.status_provider import RunningLoop, RunningRecording, Stream

__all__ = ["create_iframe_visualiser", "create_visualiser", "jupyter", "start_server"]

_log = Log()


def start_server(
    engine: Engine,
    host: str = "127.0.0.1",
    port_from: int = 1025,
    public_url: str | None = None,
    *,
    recordings: Callable[[], Iterable[RunningRecording]] = tuple,
    loops: Callable[[], Iterable[RunningLoop]] = tuple,
    streams: Callable[[], Iterable[Stream]] = tuple,
    annotate: Callable[[str], object] | None = None,
) -> VisualiserServer | None:
    """Start the data visualiser of an open device, and say on stderr where it is.

    `recordings`, `loops` and `streams` return what is running, `annotate` puts a remark into it, see
    `StatusProvider`. Returns None
    where no port from `port_from` upward is free. A host that cannot be listened on raises `ValueError`.
    Nothing but a socket and a thread is made before somebody opens the page. A server that is kept from an
    earlier device goes on with this one.
    """
    if engine.time.clock is None:
        _log.info("the data visualiser is not started: time is accelerated")
        return None
    from .server.server import VisualiserServer, announce

    made: list[Source] = []

    def source() -> Source:
        # All pages of a device share one, made when the first of them comes.
        if not made:
            from .server.source import LiveSource
            from .server.status_provider import StatusProvider

            made.append(LiveSource(engine, StatusProvider(recordings, loops, streams, annotate)))
        return made[0]

    kept = devices.page
    if isinstance(kept, VisualiserServer) and kept.attach(source, host):
        announce(kept)
        return kept
    try:
        server = VisualiserServer(source, host, port_from, public_url)
    except OSError as error:
        _log.warning("the data visualiser is not started: %s", error)
        return None
    announce(server)
    return server


__getattr__, __dir__ = lazy_names(
    __name__,
    {"create_iframe_visualiser": ".server.custom", "create_visualiser": ".server.custom"},
    {"jupyter"},
)
