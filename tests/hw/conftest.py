"""What tests of the hardware share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from emulator_forks import forking
from patience import wait_for_devices


@pytest.fixture(scope="session", autouse=True)
def _emulators_are_forks() -> Iterator[None]:
    if not sys.platform.startswith("linux"):
        yield
        return
    with forking():
        yield


@pytest.fixture(autouse=True)
def _emulators_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_devices(monkeypatch)
