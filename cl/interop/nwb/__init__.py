"""Recordings as NWB files (Neurodata Without Borders); needs the extra `cl-aio[nwb]`."""

from .exporting import export

__all__ = ["export"]
