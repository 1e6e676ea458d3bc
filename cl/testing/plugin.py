"""The pytest plugin: fixtures that open a device for a test, exact and in accelerated time.

def test_my_controller(neurons): ...

@pytest.mark.anyio
async def test_my_service(aneurons): ...

@pytest.mark.cl(spikes=[(100, 8), (350, 9)])
def test_on_a_script(neurons): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import cl


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--cl-seed` and `--cl-source`."""
    group = parser.getgroup("cl", "the CL1 simulator")
    group.addoption("--cl-seed", type=int, default=0, help="seed of the simulator in tests that set none")
    group.addoption("--cl-source", metavar="MODULE:ATTR", help="data source in tests that set none")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "cl(**options): what the fixtures neurons and aneurons open: the options of cl.testing.Simulator, "
        "such as seed, accelerated, spikes, noise, source, config, replay, environment",
    )


def options_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a test's options: those of the command line, overridden by the markers, the closest last."""
    config = request.config
    options: dict[str, Any] = {"seed": config.getoption("--cl-seed", 0)}
    for marker in reversed(list(request.node.iter_markers("cl"))):
        if marker.args:
            raise pytest.UsageError(f"the marker cl takes keywords only, not {marker.args!r}")
        options.update(marker.kwargs)
    source = config.getoption("--cl-source", None)
    if source is not None and not options.keys() & {"source", "spikes", "replay"}:
        options["source"] = source
    return options


@pytest.fixture
def neurons(request: pytest.FixtureRequest) -> Iterator[cl.Neurons]:
    """An open simulator in accelerated time, seeded; the marker `cl` says how."""
    from .opening import Simulator

    with Simulator(**options_of(request)) as opened:
        yield opened


@pytest.fixture
async def aneurons(request: pytest.FixtureRequest, anyio_backend: Any) -> AsyncIterator[cl.Neurons]:
    """An open simulator for async tests (`@pytest.mark.anyio`); as `neurons`."""
    from .opening import Simulator

    async with Simulator(**options_of(request)) as opened:
        yield opened


@pytest.fixture
def recording_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the test's recordings, which is also its working directory."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
