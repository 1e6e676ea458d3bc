"""What tests of the public behaviour share."""

from __future__ import annotations

import pytest
from recording_tools import CULTURE


@pytest.fixture(params=["random", "culture"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Open the random source, and the culture."""
    if request.param == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", CULTURE)
        monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"seed": 3}')
    return str(request.param)
