"""The command line of playing a recording."""

from __future__ import annotations

import argparse
from typing import Final

SUMMARY: Final = "Look at a recording in a browser: play it, pause, go anywhere, at any speed."
_FIRST_PORT: Final = 1025


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")
    parser.add_argument(
        "app", metavar="APP", nargs="?", help="an application, its folder or zip, whose page is shown as well"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=_FIRST_PORT, help="the first port to try (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the web browser")
