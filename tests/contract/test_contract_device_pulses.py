"""Pulses' designs and the host's clock on a simulator in wall-clock time and on a device alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from test_contract_device import KINDS, emulators, read_stims, servers

import cl
from cl import BurstDesign, ChannelSet, StimDesign
from cl._recording import clock_log
from cl._store.read.design_rows import design_of
from cl.error import DeviceDisconnectedError

PULSE = StimDesign(160, -1.0, 160, 1.0)
OTHER = StimDesign(20, 2.39, 140, -2.54, 1000, 0.13)
FRAME_NS = 40_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from emulators()


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    yield from servers()


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest, address: str, served: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "simulator":
        monkeypatch.setenv("CL_DEVICE", address if request.param == "emulator" else served)
    return str(request.param)


@pytest.fixture
def neurons(device: str) -> Iterator[cl.Neurons]:
    with cl.open() as opened:
        yield opened


def test_stims_know_their_designs(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    recording = neurons.record()
    plan = neurons.create_stim_plan()
    plan.stim(ChannelSet(9, 20), PULSE, BurstDesign(2, 100))
    plan.stim(8, OTHER)
    plan.stim(10, 0.5)
    plan.run()
    stims, _ = read_stims(neurons, start, 6)
    half = StimDesign(160, -0.5, 160, 0.5)
    assert [(s.channel, s.design) for s in stims] == [
        *((8, OTHER), (9, PULSE), (10, half), (20, PULSE)),
        *((9, PULSE), (20, PULSE)),
    ]
    recording.stop()
    with recording.open() as view:
        assert [design_of(row) for row in view.stim_designs] == [s.design for s in stims]
        assert view.stims.col("channel").tolist() == [s.channel for s in stims]


def test_frames_and_the_hosts_clock_go_together(device: str, neurons: cl.Neurons) -> None:
    for _ in range(20):
        before = time.monotonic_ns()
        timestamp = neurons.timestamp()
        after = time.monotonic_ns()
        error = neurons.clock_error_ns()
        assert FRAME_NS <= error < 1_000_000_000, "however late this machine has been"
        assert neurons.host_ns(timestamp) <= after + error
        assert timestamp <= neurons.timestamp_at(after) + 1 + error // FRAME_NS
        if device == "simulator":
            # Not so on a device: its time stands at the end of a block until the next has come.
            assert FRAME_NS <= error < 2 * FRAME_NS
            assert neurons.host_ns(timestamp) >= before - error
            assert timestamp >= neurons.timestamp_at(before) - 1
        neurons.read(100)


def test_the_relation_is_linear_and_goes_both_ways(device: str, neurons: cl.Neurons) -> None:
    first = neurons.timestamp()
    # Each look at a device may find its clock a little different.
    error = 0 if device == "simulator" else 50_000_000
    for timestamp in (first, first + 1, first + 25_000_000):
        moment = neurons.host_ns(timestamp)
        assert abs(moment - neurons.host_ns(first) - (timestamp - first) * FRAME_NS) <= error
        for inside in (0, FRAME_NS - 1):
            assert abs(neurons.timestamp_at(moment + inside) - timestamp) <= error // FRAME_NS
        assert abs(neurons.timestamp_at(moment - 1) - (timestamp - 1)) <= error // FRAME_NS


def test_the_relation_takes_whole_numbers(neurons: cl.Neurons) -> None:
    with pytest.raises(TypeError, match=r"timestamp must be an integer, not 1\.5"):
        neurons.host_ns(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timestamp must be at least 0, not -1"):
        neurons.host_ns(-1)
    with pytest.raises(TypeError, match="host_ns must be an integer, not 'now'"):
        neurons.timestamp_at("now")  # type: ignore[arg-type]


def test_a_recording_tells_the_hosts_clocks(neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its start, every so often, and at its end. The frames' own moments, whenever they are written."""
    monkeypatch.setattr(clock_log, "PERIOD", 5_000)
    neurons.read(5_000)
    utc_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
    whole = neurons.record(from_frames_ago=3_000, stop_after_frames=10_000)
    stopped = neurons.record()
    whole.wait_until_stopped()
    stopped.stop()
    error = neurons.clock_error_ns() + 100_000_000  # what a busy machine may do to a device's interrupts
    for recording in (whole, stopped):
        with recording.open() as view:
            rows, duration = view.clock[:], view.attributes["duration_frames"]
        wanted = list(range(0, duration + 1, 5_000))
        assert rows["timestamp"].tolist() == (wanted if duration in wanted else [*wanted, duration])
        for row in rows:
            moment = neurons.host_ns(recording.start_timestamp + int(row["timestamp"]))
            assert abs(int(row["monotonic_ns"]) - moment) < error
            # The host's UTC may be set meanwhile, which would be seen here only by a second.
            assert abs(int(row["utc_ns"] - row["monotonic_ns"]) - (utc_ns - monotonic_ns)) < 1_000_000_000


@pytest.mark.usefixtures("accelerated")
def test_accelerated_time_has_nothing_to_do_with_the_hosts() -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=100)
        for ask in (lambda: neurons.host_ns(0), lambda: neurons.timestamp_at(0), neurons.clock_error_ns):
            with pytest.raises(
                RuntimeError, match="accelerated time has nothing to do with the host's clock"
            ):
                ask()
        recording.wait_until_stopped()
        with recording.open() as view:
            assert view.clock is None
    with pytest.raises(DeviceDisconnectedError):
        neurons.clock_error_ns()


def test_a_device_makes_no_run_again(device: str) -> None:
    with cl.open() as neurons:
        info: Any = neurons._engine.device.info
        recording = neurons.record(stop_after_frames=100)
        recording.wait_until_stopped()
    with recording.open() as view:
        assert ("simulation" in view.attributes) == (info.simulation is not None)
        assert device == "simulator" or info.simulation is None
