"""cl-sdk 1.0.0 in a virtual environment of its own, run as a black box: what programs print there.

`scripts/vendor-venv` makes the environment; CL_VENDOR_PYTHON names the Python of another one. Tests that
need it skip with a reason without it, and fail with CL_REQUIRE_VENDOR=1.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

PYTHON: Final = Path(
    os.environ.get("CL_VENDOR_PYTHON", Path(__file__).parents[1] / ".venv-vendor" / "bin" / "python")
)
PATIENCE_S: Final = 100.0
"""How long a program may take on a loaded machine."""


def need_vendor() -> Path:
    """Return the Python that has cl-sdk; skip the calling test, or fail it with CL_REQUIRE_VENDOR=1."""
    if PYTHON.is_file():
        return PYTHON
    reason = f"there is no {PYTHON} (scripts/vendor-venv makes it, with Python 3.12 or newer)"
    if os.environ.get("CL_REQUIRE_VENDOR") == "1":
        pytest.fail(f"CL_REQUIRE_VENDOR=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def start_vendor(
    *arguments: str | Path, cwd: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS` with cl-sdk, its output piped as text; skips as `need_vendor` does.

    It runs in `cwd`, without a page and without a window, and with no `CL_*` variables but those given.
    Whoever starts it waits for it, by `finish`.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CL_", "PYTHON", "VIRTUAL"))
    }
    own = {"CL_SDK_VISUALISATION": "0", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [need_vendor(), *arguments],
        cwd=cwd,
        env={**kept, **own, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> tuple[str, str, int]:
    """Wait for a process; return its stdout, stderr and exit status. One that takes too long is killed."""
    with process:
        try:
            out, err = process.communicate(timeout=patience_s)
        except BaseException:
            process.kill()
            raise
    return out, err, process.returncode


def run_vendor(
    *arguments: str | Path, cwd: Path, variables: Mapping[str, str] | None = None
) -> tuple[str, str, int]:
    """Run `python ARGUMENTS` with cl-sdk as `start_vendor` does; return its stdout, stderr and status."""
    return finish(start_vendor(*arguments, cwd=cwd, variables=variables))
