"""Programs that change what is global to the process: the package's own code does not mind."""

from __future__ import annotations

import decimal
import locale
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import cl
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata

SOURCES: dict[str, Any] = {
    "random": None,
    "culture": "cl.sim.culture:create",
    "detected": lambda: Noise(),
}


class Noise(SimulatorDataSource):
    """Frames in which the package's detector looks for spikes: silence, noise, and the extremes."""

    metadata = SimulatorDataSourceMetadata(read_timeout_seconds=None)  # type: ignore[assignment]

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        frames = np.random.default_rng(from_timestamp).normal(0, 10, (frame_count, 64)).astype(np.int16)
        frames[:, 9] = 0
        frames[::50, 10] = -32_768
        frames[1::50, 10] = 32_767
        return DataSourceBatch(frames)


@contextmanager
def numpy_errors_raise() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield


@contextmanager
def warnings_raise() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def drawn_and_printed_otherwise() -> Iterator[None]:
    state = np.random.get_state()
    np.random.seed(1)
    try:
        with np.printoptions(precision=1, threshold=3):
            yield
    finally:
        np.random.set_state(state)


@contextmanager
def coarse_decimals() -> Iterator[None]:
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps[decimal.Inexact] = True
        yield


@contextmanager
def little_recursion() -> Iterator[None]:
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 120)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def a_locale_with_commas() -> Iterator[None]:
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        break
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


@contextmanager
def nothing_changed() -> Iterator[None]:
    yield


STATES = [
    numpy_errors_raise,
    warnings_raise,
    drawn_and_printed_otherwise,
    coarse_decimals,
    little_recursion,
    a_locale_with_commas,
]


def program(source: Any) -> tuple[Any, ...]:
    """Do some of everything, and return what has come of it."""
    config = {"size": 200} if isinstance(source, str) else None
    with cl.open(device=Simulator(source=source, config=config, seed=7, accelerated=True)) as neurons:
        recording = neurons.record(attributes={"number": 1.5})
        stream = neurons.create_data_stream("notes", {"threshold": 0.25})
        plan = neurons.create_stim_plan()
        plan.stim(12, cl.StimDesign(160, -1.5, 160, 1.5), cl.BurstDesign(5, 33.3))
        repr(plan.preview()), str(plan.preview())
        plan.run()
        cut = 0.0
        for tick in neurons.loop(100, stop_after_ticks=60):
            if tick.iteration % 5 == 0:
                neurons.stim(8 + tick.iteration % 40, 2.0)
            stream.append(tick.iteration_timestamp, {"x": np.float32(1e-38)})
            cut += sum(float(spike.samples[0]) for spike in tick.analysis.spikes[:2])
        frames = neurons.read(1_000)
        recording.stop()
        with recording.open() as view:
            repr(view)
            found = [
                (int(row["timestamp"]), int(row["channel"]))
                for table in (view.spikes, view.stims)
                for row in table
            ]
            entries = len([*view.data_streams["notes"].items()])
    return frames.sum(), cut, found, entries


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """What the programs give where nothing was changed."""
    return {}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("state", STATES)
def test_a_program_gives_what_it_gives_whatever_the_process_is_set_to(
    state: Any, name: str, usual: dict[str, Any]
) -> None:
    source = SOURCES[name]
    if name not in usual:
        usual[name] = program(source)
    with state():
        found = program(source)
    assert found == usual[name]
    assert found[2] and found[3] == 60


def test_a_culture_that_dies_away_needs_no_numbers_of_the_programs() -> None:
    """Its traces come to be too small for floats, which is 0 to it."""
    simulator = Simulator(source="cl.sim.culture:create", seed=3, accelerated=True)
    with np.errstate(all="raise"), cl.open(device=simulator) as neurons:
        neurons.stim(8, 2.0)
        neurons.read(25_000, analysis=True)
