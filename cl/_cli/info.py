"""`python -m cl info FILE`: what is in a recording."""

from __future__ import annotations

import argparse

SUMMARY = "Say what is in a recording: duration, rates by channel, stims, streams, attributes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the summary."""
    import json

    from cl._store.info import format_info, info

    summary = info(options.file)
    print(json.dumps(summary, indent=2) if options.json else format_info(summary))
    return 0
