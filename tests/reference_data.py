"""The reference data beside the checkout: a recording, and commands with the pulses that they give."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cl import ChannelSet

FOLDER = Path(os.environ.get("CL_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RECORDING = FOLDER / "reference_recording.h5"
_VECTORS = FOLDER / "stim_vectors.json"
MISSING = ", ".join(path.name for path in (RECORDING, _VECTORS) if not path.is_file())
"""What is not there."""
WHY_SKIPPED = f"there is no {MISSING} in {FOLDER} (CL_SHARED_DATA names its folder)"
if MISSING and os.environ.get("CL_REQUIRE_DATA") == "1":
    raise FileNotFoundError(f"CL_REQUIRE_DATA=1, but {WHY_SKIPPED}")

VECTORS: list[dict[str, Any]] = json.loads(_VECTORS.read_text()) if _VECTORS.is_file() else []
needs_vectors = pytest.mark.skipif(not VECTORS, reason=WHY_SKIPPED)


def channels(value: int | list[int]) -> int | ChannelSet:
    """Return the channels of a command, as a program would give them."""
    return value if isinstance(value, int) else ChannelSet(value)
