"""The server's thread: it listens from the start, and loads what it serves with when somebody comes.

Only the standard library is imported here, and nothing is done until the first connection: a
program that nobody watches pays for a listening socket and a sleeping thread.
"""

from __future__ import annotations

import atexit
import errno
import os
import secrets
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from cl._current import devices
from cl._values.descriptors import hang_up, let_go
from cl._values.process_switches import switch_interval
from cl._values.saying import Log, say
from cl._values.thread_start import start_thread

from .access import is_loopback
from .address import url_for_others, url_of

if TYPE_CHECKING:
    from .client import Link
    from .custom_visualiser import CustomVisualiser
    from .source import Source
    from .throttle import Throttle

FIRST_PORT: Final = 1025
MOST_VISUALISERS: Final = 256
"""Custom visualisers that are served; each run of a notebook's cell makes one."""
_PORTS_TRIED: Final = 1_000
_BACKLOG: Final = 64
_STOP_SECONDS: Final = 5.0
_SWITCH_S: Final = 0.0002

_log = Log()


class VisualiserServer:
    """A page of a device or a recording, under `url`, until `stop`.

    `make_source` gives each connection what it shows; it is called in the server's thread. None: no device
    is open, and pages wait for one to `attach`. `port_from` is the first port that is tried; 0 lets the
    system choose. A host that cannot be listened on raises `ValueError`, and no free port `OSError`.
    `public_url` is where browsers find the page where that is not `host` and the port: behind a proxy.
    """

    def __init__(
        self,
        make_source: Callable[[], Source] | None,
        host: str = "127.0.0.1",
        port_from: int = FIRST_PORT,
        public_url: str | None = None,
    ) -> None:
        self.make_source = make_source
        self.disconnect: Callable[[], None] | None = None
        """Ends the connections of pages, which come again; the server's thread sets it while it serves."""
        self.host = host
        self._process = os.getpid()
        self._kept = False
        self._attaching = threading.RLock()  # A signal handler of the thread that has it may open a device.
        self.visualisers: dict[str, CustomVisualiser] = {}
        """Custom visualisers by the unguessable part of their path."""
        self.application: CustomVisualiser | None = None
        """What is shown at `/app`."""
        self.token = secrets.token_urlsafe(12)
        """Who has it may annotate."""
        self.mark = secrets.token_urlsafe(12)
        """By which a notebook tells that it reaches this server and no other; it stands in the notebook."""
        self.joining: deque[Link] = deque()
        """Connections that do not come over the socket, and are yet to be served."""
        self.throttle: Throttle | None = None
        """Of what goes through a notebook's kernel."""
        self.when_attached: set[Callable[[], None]] = set()
        """Called when it is given a device to show."""
        self.socket = _listen(host, port_from)
        with ExitStack() as unserved:
            unserved.callback(self.socket.close)
            self.port: int = self.socket.getsockname()[1]
            self._waker, self._wakened = socket.socketpair()
            for sock in (self._waker, self._wakened):
                unserved.callback(sock.close)
            self._begin(public_url)
            unserved.pop_all()

    def _begin(self, public_url: str | None) -> None:
        self.public_url = public_url
        self.url = url_of(self.host, self.port) if public_url is None else public_url.rstrip("/")
        self.connections: set[Any] = set()
        """The transports of those that are connected."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cl-visualiser", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self._stopping.set()
            hang_up(self._waker)
            if self._thread.ident is not None:
                self._thread.join(_STOP_SECONDS)
            raise

    @property
    def annotation_url(self) -> str:
        """Where the page is for who may annotate."""
        return f"{self.url}/#token={self.token}"

    def show(self, visualiser: CustomVisualiser) -> str:
        """Serve a custom visualiser until `stop`, and return its URL, which cannot be guessed."""
        token = secrets.token_urlsafe(16)
        for oldest in tuple(self.visualisers)[: 1 - MOST_VISUALISERS]:
            del self.visualisers[oldest]
        self.visualisers[token] = visualiser
        return f"{self.url}/custom/{token}/"

    @property
    def alive(self) -> bool:
        """Whether it serves, in this process: a fork has none of its threads."""
        return not self._stopping.is_set() and self._process == os.getpid()

    def keep(self) -> None:
        """Let it outlive devices: it shows one that opens after the other, until the process ends."""
        if not self._kept:
            self._kept = True
            devices.page = self
            atexit.register(self.stop)

    def attach(self, make_source: Callable[[], Source], host: str) -> bool:
        """Show a device that opens, if it has no other and listens on that host; return whether it does."""
        with self._attaching:
            if self.make_source is not None or self.host != host or not self.alive:
                return False
            self.make_source = make_source
        for come in tuple(self.when_attached):
            come()
        return True

    def join(self, link: Link) -> None:
        """Serve a page that comes by another way than the socket. From any thread."""
        self.joining.append(link)
        with suppress(OSError):  # it has stopped meanwhile
            self._waker.send(b"x")

    def leave(self) -> None:
        """Show the device no more, which closes: the end, unless it is kept."""
        if not self._kept:
            self.stop()
            return
        self.make_source = None
        disconnect = self.disconnect
        if disconnect is not None:
            disconnect()

    def stop(self) -> None:
        """Close the pages' connections and the socket, and end the thread. Again: nothing."""
        if not self.alive:
            return
        self._stopping.set()
        if self._kept:
            atexit.unregister(self.stop)
            if devices.page is self:
                devices.page = None
        with suppress(OSError):  # Whatever fails: hanging up wakes it as well.
            self._waker.send(b"x")
        hang_up(self._waker)
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)
        self.visualisers.clear()
        self.when_attached.clear()
        with ExitStack() as sockets:  # all of them, whatever becomes of the others
            for sock in (self.socket, self._waker, self._wakened):
                sockets.callback(sock.close)

    def disown(self) -> None:
        """Let go of the sockets, in a fork: the process that has opened them serves them."""
        self._stopping = threading.Event()
        self._stopping.set()
        for sock in (self.socket, self._waker, self._wakened):
            let_go(sock.fileno())
        for transport in tuple(self.connections):
            let_go(transport.get_extra_info("socket").fileno())

    def _run(self) -> None:
        try:
            if self._somebody_comes():
                _load_app()(self, self._wakened)
        except ImportError as error:
            _log.warning("the data visualiser cannot be shown: %s", error)
        except Exception:
            _log.exception("the data visualiser has ended")
        finally:
            hang_up(self.socket)
            with suppress(OSError):  # It is closed all the same.
                self.socket.close()

    def _somebody_comes(self) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._wakened, selectors.EVENT_READ)
            selector.select()
        return not self._stopping.is_set()


def _load_app() -> Callable[[VisualiserServer, socket.socket], None]:
    """Import what serves pages: a tenth of a second of work, which gives way to the program more often.

    A thread that wants to run waits for up to a switch interval. The usual 5 ms would make several
    ticks of a fast loop late, just because somebody opened the page.
    """
    with switch_interval.at_most(_SWITCH_S):
        from .app import run

        return run


def _listen(host: str, port_from: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"the visualiser's host {host!r} is not known: {error}") from None
    family, address = found[0][0], found[0][4]
    last = port_from + _PORTS_TRIED if port_from else 1
    for port in range(port_from, min(last, 65_536)):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            # So that a program that starts again gets its port, though old connections linger.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address[0], port, *address[2:]))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise ValueError(f"the visualiser cannot listen on {host!r}: {error}") from None
        return sock
    raise OSError(errno.EADDRINUSE, f"no port from {port_from} to {last - 1} is free on {host}")


def announce(server: VisualiserServer) -> None:
    """Say on stderr where the page is, and who else may look at it."""
    say(f"Data visualiser: {server.url}")
    if not is_loopback(server.host):
        other = url_for_others(server.host, server.port)
        say(f"Warning: it listens on {server.host}: anybody who reaches {other} may watch.")
