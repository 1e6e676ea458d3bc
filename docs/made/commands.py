"""The help of every command, as a page."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Iterator

from cl._cli import COMMANDS, GROUPS


def commands_page() -> str:
    """Return the help of every command, under the headings of the help of all."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"  # what argparse fills its lines to
    try:
        return "\n".join(_lines())
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns


def _lines() -> Iterator[str]:
    for group in GROUPS:
        yield f"## {group}\n"
        for name in sorted(name for name, command in COMMANDS.items() if command.group == group):
            module = importlib.import_module(f"cl._cli.{name}")
            parser = argparse.ArgumentParser(prog=f"cl-aio {name}", description=module.SUMMARY)
            module.add_arguments(parser)
            yield f"### {name}\n"
            yield f"For example `cl-aio {COMMANDS[name].example}`.\n"
            yield f"```text\n{parser.format_help()}```\n"
