"""`python -m cl info [FILE]`: what is in a recording; without one, which device a program would open."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "Say what is in a recording, or, without a file, which device a program would open."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a recording, an HDF5 file; without one: the device"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the summary."""
    import json

    if options.file is None:
        from .device_info import device_info, format_device

        summary = device_info()
        text = format_device(summary)
    else:
        from cl._store.read import rest
        from cl._store.read.info import format_info, info

        summary = info(options.file)
        if not summary["complete"]:
            summary["still_recorded"] = rest.is_written_to(Path(options.file), rest.REST_S)
        text = format_info(summary)
    print(json.dumps(summary, indent=2) if options.json else text)
    return 0
