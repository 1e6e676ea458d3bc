"""`python -m cl app configure DIR [--port N] [--output DIR]`: the configuration page of an application."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn

from cl._values.numbers import whole
from cl._values.paths import absolute
from cl._values.printing import printable
from cl._values.saying import say
from cl.app.project import ProjectError
from cl.app.targets import find_project

from .page import ConfigurePage
from .server import ConfigureServer

_TERMINATED: Final = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C; return 0, or 1 for an error that is told; SystemExit(2) for bad usage."""
    options = _parse(arguments)
    try:
        page = ConfigurePage(find_project(options.target), absolute(options.output))
        server = ConfigureServer(page, options.port)
    except ProjectError as error:
        say(f"Error: {error}")
        return 1
    except OSError as error:
        say(f"Error: port {options.port} cannot be listened on: {printable(str(error))}")
        return 1
    except Exception:  # of the application's own code
        traceback.print_exc()
        return 1
    return _serve(server)


def _serve(server: ConfigureServer) -> int:
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        print(f"Configuration page: {server.url}\nCtrl-C ends it, and a run of its.", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        server.page.close()
        signal.signal(signal.SIGTERM, before)
    return 0


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(_TERMINATED)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cl app configure",
        description="Serve a page on this machine that edits an application's configurations and runs it.",
    )
    parser.add_argument("target", metavar="DIR", help="the application's folder, or a bundled one's name")
    parser.add_argument("--port", type=_port, default=0, help="the page's port (default: one that is free)")
    parser.add_argument(
        "--output",
        metavar="DIR",
        default=".",
        help="where results go (default: the working directory); each run has a folder there",
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    try:
        return whole(int(text), "the port", 0, 65_535)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}") from None
