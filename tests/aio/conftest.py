"""What several files of tests of tasks use."""

from __future__ import annotations

import pytest


@pytest.fixture
def standing_host_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host's time stand: no batch of work takes long, however busy the machine is."""
    for place in ("cl._wait.tasks", "cl._core.work_budget", "cl.loop", "cl._core.virtual_time"):
        monkeypatch.setattr(f"{place}.host_ns", lambda: 0)
