"""The error of a part whose packages are not installed."""

from __future__ import annotations


def missing(part: str, package: str, extra: str) -> ImportError:
    """Return the error that says which extra a package belongs to."""
    return ImportError(
        f"{part} needs {package}: install the extra, pip install 'cl-aio[{extra}]'", name=package
    )
