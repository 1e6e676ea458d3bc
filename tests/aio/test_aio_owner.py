"""Who runs here, asked while another thread is importing an event loop's package."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType

import pytest

import cl
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


@pytest.mark.usefixtures("accelerated")
def test_tasks_of_an_open_device_share_what_is_known_of_their_event_loop() -> None:
    async def known() -> object:
        return current_backend()

    async def program() -> None:
        async with cl.aopen():
            tasks = [asyncio.create_task(known()) for _ in range(2)]
            assert await tasks[0] is await tasks[1] is current_backend()

    asyncio.run(program())
