"""`python -m cl.app.configure`."""

from __future__ import annotations

import sys

from cl._values.printing import settle_stdout

from .command import main

if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())
