"""Where a program runs, its files, and what it is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_VSCODE = ("VSCODE_PID", "VSCODE_CWD", "VSCODE_IPC_HOOK", "VSCODE_IPC_HOOK_CLI", "VSCODE_INJECTION")


def in_ipython() -> bool:
    """Return whether the program runs in IPython, a notebook among others."""
    ipython: Any = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def in_vscode() -> bool:
    """Return whether the program runs in Visual Studio Code."""
    return os.environ.get("TERM_PROGRAM") == "vscode" or any(name in os.environ for name in _VSCODE)


def is_iterable(obj: Any) -> bool:
    """Return whether `iter` takes a value."""
    try:
        iter(obj)
    except TypeError:
        return False
    return True


def is_under_path(test_path: str | os.PathLike[str], parent_path: str | os.PathLike[str]) -> bool:
    """Return whether a path, made absolute and without "..", is another one or lies in it."""
    return Path(os.path.abspath(test_path)).is_relative_to(os.path.abspath(parent_path))


def read_utf8_file(file_path: str | os.PathLike[str]) -> str:
    """Return the text of a file."""
    return Path(file_path).read_text("utf-8")


def read_binary_file(file_path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file."""
    return Path(file_path).read_bytes()
