"""The packages of the extra `analysis`, loaded when they are first used."""

from __future__ import annotations


def missing(package: str) -> ImportError:
    """Return the error that says which extra a package belongs to."""
    return ImportError(
        f"cl.analysis needs {package}: install the extra, pip install 'cl-aio[analysis]'", name=package
    )
