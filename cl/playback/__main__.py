"""`python -m cl.playback FILE [APP]`, the same as `python -m cl view`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cl._values.printing import printable_lines, settle_stdout
from cl._values.saying import say

from .arguments import SUMMARY, add_arguments
from .command import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a recording; return 0, 1 for an error that is told; SystemExit(2) for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m cl.playback", description=SUMMARY)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        say(printable_lines(f"{parser.prog}: {error}"))
        return 1


if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())
