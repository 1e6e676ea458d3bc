"""`python -m cl view FILE`: the page of the data visualiser over a recording."""

from __future__ import annotations

import argparse
import threading

SUMMARY = "Look at a recording in a browser: play it, pause, go anywhere, at any speed."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1025, help="the first port to try (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the page in the web browser")


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from cl.visualisation.server.player import Player, Recorded
    from cl.visualisation.server.server import VisualiserServer, announce

    if not 0 <= options.port <= 65_535:
        raise ValueError(f"--port {options.port}: it takes a port from 0 to 65535")
    recorded = Recorded(options.file)
    try:
        server = VisualiserServer(lambda: Player(recorded), options.host, options.port)
        announce(server)
        try:
            if options.open:
                _open(server.url)
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()
    finally:
        recorded.close()
    return 0


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
