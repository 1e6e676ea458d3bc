"""`python -m cl recordings ADDRESS [list | get NAME]`: what applications have recorded at a server."""

from __future__ import annotations

import argparse
from pathlib import Path

from cl._values.printing import printable

SUMMARY = "List and fetch what applications have recorded at a server."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("address", metavar="ADDRESS", help="ws://host:port or wss://host:port")
    parser.add_argument(
        "action", choices=("list", "get"), nargs="?", default="list", help="what to do (list)"
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the recording, as list says it")
    parser.add_argument(
        "--output", type=Path, default=Path(), help="the folder for it (the working directory)"
    )


def run(options: argparse.Namespace) -> int:
    """List them, or fetch one; what was fetched before a connection was lost is not fetched again."""
    from cl.net.applications import fetch, recordings

    if options.action == "list":
        for each in recordings(options.address):
            print(f"{each.size:>14}  {printable(each.name)}")
        return 0
    if options.name is None:
        raise ValueError("get takes the NAME of a recording, as list says it")
    print(printable(str(fetch(options.address, options.name, options.output))))
    return 0
