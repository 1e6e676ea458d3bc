"""Playing a recording: the server of its page, and the keys where there is a terminal."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cl._values.saying import say
from cl.visualisation.server.access import is_loopback
from cl.visualisation.server.address import url_for_others
from cl.visualisation.server.custom_visualiser import APPLICATION_PATH
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.server import VisualiserServer, announce

from .application import load_application, recorded_info
from .keys import Terminal, has_terminal
from .session import Session

_TERMINATED = 128 + signal.SIGTERM


def run(options: argparse.Namespace) -> int:
    """Play the recording until q or Ctrl-C; 143 where SIGTERM ends it."""
    if not 0 <= options.port <= 65_535:
        raise ValueError(f"--port {options.port}: it takes a port from 0 to 65535")
    recorded = Recorded(options.file)
    try:
        if recorded.length == 0 and recorded.view.complete:
            raise ValueError(f"{options.file} has no frames: there is nothing to play")
        _serve(recorded, options)
    finally:
        recorded.close()
    return 0


def _serve(recorded: Recorded, options: argparse.Namespace) -> None:
    application = None
    if options.app is not None:
        application = load_application(options.app, recorded_info(recorded.view.attributes))
    player = Player(recorded, playing=False)
    server = VisualiserServer(lambda: player, options.host, options.port)
    server.application = application
    try:
        with _terminated_by_exception():
            _tell(server)
            if options.open:
                _open(server.url)
            _play(player, recorded)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _tell(server: VisualiserServer) -> None:
    print(f"Data visualisation: {server.url}")
    if server.application is not None:
        print(f"App visualisation: {server.url}{APPLICATION_PATH}")
    sys.stdout.flush()
    if not has_terminal():
        announce(server)
    elif not is_loopback(server.host):
        other = url_for_others(server.host, server.port)
        say(f"Warning: it listens on {server.host}: anybody who reaches {other} may watch.")


def _play(player: Player, recorded: Recorded) -> None:
    if not has_terminal():
        threading.Event().wait()
        return
    with Terminal(sys.stdin.fileno()) as terminal:
        Session(player, recorded, terminal.keys(), sys.stdout).run()


@contextmanager
def _terminated_by_exception() -> Iterator[None]:
    """Have SIGTERM end the program as an exception does, so that the terminal is left as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED)


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
