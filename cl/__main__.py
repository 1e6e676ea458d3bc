"""The command line: `python -m cl COMMAND`, or `cl-aio COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from cl._cli import COMMANDS, GROUPS
from cl._values.printing import printable_lines, settle_stdout
from cl._values.saying import say
from cl._values.version import VERSION

MODULE: Final = "python -m cl"
SCRIPT: Final = "cl-aio"
_COLUMNS: Final = 100


def main(arguments: Sequence[str] | None = None, prog: str = MODULE) -> int:
    """Run a command and return the exit status: 0, 1 for an error that is told, 2 for bad usage."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage="%(prog)s [--help] [--version] COMMAND ...",
        description="Tools for the CL1 and its simulator.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cl-aio {VERSION}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog=prog
    )
    summaries = {}
    for name in sorted(COMMANDS):
        module = importlib.import_module(f"cl._cli.{name}")
        summaries[name] = module.SUMMARY
        sub = commands.add_parser(name, description=module.SUMMARY)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    parser.epilog = "\n".join(_help_lines(prog, summaries))
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


def _help_lines(prog: str, summaries: dict[str, str]) -> Iterator[str]:
    """Yield the commands under their headings, each with what it does and a line that one can type."""
    for group in GROUPS:
        yield f"{group}:"
        for name, summary in summaries.items():
            if COMMANDS[name].group == group:
                indent = " " * 15
                yield textwrap.fill(
                    summary, _COLUMNS, initial_indent=f"    {name:<10} ", subsequent_indent=indent
                )
                yield f"{indent}{prog} {COMMANDS[name].example}"
        yield ""
    yield f"{prog} COMMAND --help says what a command takes."


def console() -> NoReturn:
    """Run as a program, and end with the exit status: the entry point of `cl-aio`, and of `python -m cl`."""
    settle_stdout()
    sys.exit(main(prog=SCRIPT if Path(sys.argv[0]).stem == SCRIPT else MODULE))


if __name__ == "__main__":
    console()
