"""`python -m cl submit ADDRESS APPLICATION.zip CONFIG.json`: run an application where the device is."""

from __future__ import annotations

import argparse
from pathlib import Path

from cl._values.printing import printable

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
    return follow(options.address, id, lambda line: print(printable(line), flush=True))
