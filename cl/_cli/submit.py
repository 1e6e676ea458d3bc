"""`python -m cl submit ADDRESS APPLICATION.zip CONFIG.json`: run an application where the device is."""

from __future__ import annotations

import argparse
from pathlib import Path

from cl._values.printing import printable, printable_lines
from cl._values.progress import Progress

SUMMARY = "Have a server run an application next to its device."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = "The server has to be started with --allow-applications; the token is as for CL_DEVICE."
    parser.add_argument("address", metavar="ADDRESS", help="ws://host:port or wss://host:port")
    parser.add_argument("archive", metavar="APPLICATION.zip", type=Path, help="what `app pack` makes")
    parser.add_argument(
        "configuration", metavar="CONFIG.json", type=Path, help="the application's configuration"
    )
    parser.add_argument("--follow", action="store_true", help="show what it prints, and end as it ends")


def run(options: argparse.Namespace) -> int:
    """Submit it; with --follow the run's status."""
    import json

    from cl.net.applications import follow, submit

    configuration = json.loads(options.configuration.read_text())
    if not isinstance(configuration, dict):
        raise ValueError(f"{options.configuration} is no configuration: it holds no object")
    id = submit(options.address, options.archive, configuration)
    print(f"run {printable(id)}", flush=True)
    if not options.follow:
        return 0
    shown = _Shown()
    try:
        ended = follow(options.address, id, shown.line, shown.to)
    except KeyboardInterrupt:
        print(f"\nrun {printable(id)} goes on", flush=True)
        return 130
    finally:
        shown.close()
    if ended.summary is not None:
        print(f"summary: {printable_lines(json.dumps(ended.summary, indent=2))}", flush=True)
    return ended.status


class _Shown:
    """How far the run has come, below what it prints."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._progress: Progress | None = None

    def line(self, text: str) -> None:
        """Show a line of the run's."""
        self.close()
        print(printable(text), flush=True)

    def to(self, seconds: float, of: float | None) -> None:
        """Show how long it has been going on, where it says how long it is to take."""
        if of is None:
            return
        if self._progress is None:
            self._seconds = 0.0
            self._progress = Progress("running", of, clock=lambda: self._seconds)
        self._seconds = seconds
        self._progress.to(seconds)

    def close(self) -> None:
        """Take it away."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
