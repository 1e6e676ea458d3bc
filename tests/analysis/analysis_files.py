"""Recordings of spikes that are given, in the layout of the contract, and the vectors of the metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

FOLDER = Path(os.environ.get("CL_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
VECTORS = FOLDER / "analysis_vectors.json"
WHY_SKIPPED = f"there is no {VECTORS.name} in {FOLDER} (CL_SHARED_DATA names its folder)"
if not VECTORS.is_file() and os.environ.get("CL_REQUIRE_DATA") == "1":
    raise FileNotFoundError(f"CL_REQUIRE_DATA=1, but {WHY_SKIPPED}")
needs_vectors = pytest.mark.skipif(not VECTORS.is_file(), reason=WHY_SKIPPED)

_SPIKE = np.dtype([("timestamp", "i8"), ("channel", "u1"), ("samples", "f4", 75)])
_STIM = np.dtype([("timestamp", "i8"), ("channel", "u1")])


def write_recording(
    path: Path,
    duration_frames: int,
    spikes: Iterable[tuple[int, int]] | None,
    stims: Iterable[tuple[int, int]] = (),
    *,
    start_timestamp: int = 0,
    ground_samples: int | None = None,
    **attributes: Any,
) -> Path:
    """Write a recording; `ground_samples`: frames from the first on in which channel 0 has samples of 1."""
    with h5py.File(path, "w") as file:
        seconds = duration_frames / 25_000
        file.attrs.update(channel_count=64, sampling_frequency=25_000, frames_per_second=25_000)
        file.attrs.update(uV_per_sample_unit=0.195, start_timestamp=start_timestamp)
        file.attrs.update(end_timestamp=start_timestamp + duration_frames, duration_frames=duration_frames)
        file.attrs.update(duration_seconds=seconds, created_utc="2026-01-01T00:00:00+00:00")
        file.attrs.update(ended_utc="2026-01-01T01:00:00+00:00")
        file.attrs.update(attributes)
        for name, dtype, rows in (("spikes", _SPIKE, spikes), ("stims", _STIM, stims)):
            if rows is not None:
                events = np.array(list(rows), np.int64).reshape(-1, 2)
                table = np.zeros(len(events), dtype)
                table["timestamp"], table["channel"] = events.T
                file.create_dataset(name, data=table, maxshape=(None,), chunks=(400,))
        if ground_samples is not None:
            samples = file.create_dataset(
                "samples", (duration_frames, 64), "i2", chunks=(min(4096, duration_frames), 64), fillvalue=0
            )
            samples[:ground_samples, 0] = 1
    return path


def read_vectors() -> dict[str, Any]:
    """Return what is in the file of vectors."""
    found: dict[str, Any] = json.loads(VECTORS.read_text())
    return found
