"""The command line: `python -m cl COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from cl._values.printing import printable_lines, settle_stdout
from cl._values.saying import say

COMMANDS = ("analyse", "app", "export", "info", "recover", "stream", "view")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, 1 for an error that is told, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m cl", description="Tools for the CL1 and its simulator.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"cl._cli.{name}")
        sub = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`): the rest goes nowhere, also what is still buffered.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 0
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        say(printable_lines(f"{parser.prog} {options.command}: {error}"))
        return 1
    return status


if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())
