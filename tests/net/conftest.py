"""What tests of devices across a network share."""

from __future__ import annotations

import pytest
from patience import wait_for_servers


@pytest.fixture(autouse=True)
def _servers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_servers(monkeypatch)
