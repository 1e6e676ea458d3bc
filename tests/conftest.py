"""What every test gets: a clean environment, every event loop, and a look at what it left behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import reference_data
import uvloop
from leak_tools import open_files, threads

import cl._current
import cl._session.opening

_LOOPS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("trio", {}), id="trio"),
]

# An example that takes long says that the machine was busy, and nothing about the code. The examples are the
# same in every run, so that what passes once passes always; with CL_EXPLORE they are new ones.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    phases=tuple(hypothesis.Phase)[:3] if "CL_NO_SHRINK" in os.environ else tuple(hypothesis.Phase),
    derandomize="CL_EXPLORE" not in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(optionalhook=True)  # there is none where pytest-xdist is not
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests, let one have all those of a group."""
    from shared_out import InGroups

    return InGroups(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(params=_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run an async test on asyncio, on asyncio with uvloop, and on trio."""
    return request.param


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in tuple(os.environ):
        if name.startswith(("CL_SDK_", "CL_DEVICE", "CL_STIM_", "CL_CULTURE")):
            monkeypatch.delenv(name)
    # Pages are for people: the tests of the visualiser turn it on.
    monkeypatch.setenv("CL_SDK_VISUALISATION", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    # Shells start what is to run in the background with SIGINT ignored, and child processes inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _warm_uvloop() -> None:
    # libuv opens a pipe for signals with the first loop of a process, and keeps it.
    uvloop.new_event_loop().close()


@pytest.fixture(scope="session", autouse=True)
def _hypothesis_knows_numpy() -> None:
    # It takes numpy's random state at its first run, and old ones look for what refers to that, which they do
    # not find where the collector does not look.
    import numpy  # noqa: F401

    hypothesis.given(hypothesis.strategies.none())(lambda _: None)()


@pytest.fixture(scope="module", autouse=True)
def _a_small_heap(_hypothesis_knows_numpy: None) -> None:
    # Opening a device, and many a test, collects what is left. Libraries that earlier modules have loaded are
    # millions of objects, at which the collector need not look again each time.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    before, files, interval = threads(), open_files(), sys.getswitchinterval()
    yield
    assert not cl._session.opening.is_open(), "the test left the device open"
    left = threads() - before
    assert not left, f"the test left threads: {left}"
    if open_files() > files:
        gc.collect()
    assert open_files() <= files, f"the test left files open: {open_files()} after {files}"
    assert gc.isenabled(), "the test left the garbage collector disabled"
    assert sys.getswitchinterval() == interval, "the test left another switch interval"
    assert not cl._current.devices._places, "what was open is still remembered"


@pytest.fixture
def accelerated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the simulator in accelerated time, with seed 7."""
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data that lies beside the checkout; a test that needs it skips without it."""
    if not reference_data.RECORDING.is_file():
        pytest.skip(reference_data.WHY_SKIPPED)
    return reference_data.FOLDER
