"""Spikes, stims and data streams of recordings as tables: CSV, and Parquet (the extra `cl-aio[parquet]`)."""

from .exporting import export

__all__ = ["export"]
