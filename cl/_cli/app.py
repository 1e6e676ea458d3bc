"""`python -m cl app init | run | pack | list | configure`: applications."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from cl._values.printing import printable

SUMMARY = "Make, configure, run and pack applications; list those that come with the package."
ACTIONS = ("configure", "init", "list", "pack", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "init [DIR] makes a folder with an application, run TARGET CONFIG.json... [OUTPUT_DIR] runs one, "
        "pack [DIR] packs one into a file, configure DIR serves a page of its configurations; each has a "
        "--help of its own. Needs the extra cl-aio[app]."
    )
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="the action's own arguments")


def run(options: argparse.Namespace) -> int:
    """Do it; the action's status."""
    actions = {"configure": _configure, "init": _init, "list": _list, "pack": _pack, "run": _run}
    action: Callable[[Sequence[str]], int] = actions[options.action]
    return action(options.rest)


def _configure(arguments: Sequence[str]) -> int:
    from cl.app.configure.command import main

    return main(arguments)


def _init(arguments: Sequence[str]) -> int:
    from cl.app.init import main

    return main(arguments)


def _pack(arguments: Sequence[str]) -> int:
    from cl.app.pack import main

    return main(arguments)


def _run(arguments: Sequence[str]) -> int:
    from cl.app.run import main

    return main(arguments)


def _list(arguments: Sequence[str]) -> int:
    from cl.app.targets import described

    for name, description in described().items():
        print(printable(f"{name}: {description}"))
    return 0
