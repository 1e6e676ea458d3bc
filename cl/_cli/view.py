"""`python -m cl view FILE [APP]`: the same as `python -m cl.playback`."""

from __future__ import annotations

import argparse

from cl.playback.arguments import SUMMARY as SUMMARY
from cl.playback.arguments import add_arguments as add_arguments


def run(options: argparse.Namespace) -> int:
    """Play the recording until q or Ctrl-C."""
    from cl.playback.command import run

    return run(options)
