"""Who runs here, asked while another thread is importing an event loop's package."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from cl._wait.backend import current_backend
from cl._wait.owner import ThreadOwner, current_owner, current_task


@pytest.fixture(params=["asyncio", "trio"])
def half_imported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a package be as it is for others while a thread is at its first lines."""
    for name in ("asyncio", "trio"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    package: str = request.param
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    return package


@pytest.mark.usefixtures("half_imported")
def test_a_half_imported_package_runs_nothing() -> None:
    assert current_task() is None
    assert isinstance(current_owner(), ThreadOwner)
    with pytest.raises(RuntimeError, match="no event loop is running"):
        current_backend()


def test_the_submodule_may_be_half_there_too(half_imported: str) -> None:
    sys.modules[half_imported].lowlevel = ModuleType("lowlevel")  # type: ignore[attr-defined]
    assert current_task() is None
