"""Recordings: how they end, and who ends them (contract, section 7)."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import numpy as np
import pytest
from recording_tools import (
    Window,
    check_same,
    duration,
    entries,
    spike_rows,
    stim_rows,
)

import cl
from cl.error import DeviceDisconnectedError

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


# -- ending it --------------------------------------------------------------------------------


@accelerated
def test_a_view_from_before_the_end_does_not_hide_it() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(5_000)
        with cl.RecordingView(recording.file["path"]) as early:
            count = len(early.samples)
            neurons.read(20_000)
            recording.stop()
            check_same(recording, Window(neurons, recording.start_timestamp, neurons.timestamp()))
            assert not early.complete
            assert len(early.samples[:]) == count <= 5_000


@accelerated
def test_stopping_twice_does_nothing() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        recording.stop()
        neurons.read(100)
        recording.stop()
        assert duration(recording) == 100
    recording.stop()
    assert duration(recording) == 100


@accelerated
def test_stop_does_not_move_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        recording.stop()
        assert recording.has_stopped()
        assert neurons.timestamp() == 100


@accelerated
def test_it_stops_by_itself_when_time_has_come_there(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=1_000)
        neurons.read(999)
        assert recording.status == "started"
        with pytest.raises(RuntimeError, match="still being recorded"):
            recording.open()
        # A source that cannot be foreseen tells the samples of the last spikes 50 frames later.
        neurons.read(1 if source == "random" else 51)
        assert recording.status == "stopped"
        check_same(recording, Window(neurons, 0, 1_000))


@accelerated
def test_stopping_before_the_end_that_was_set() -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=1_000)
        neurons.read(300)
        recording.stop()
        neurons.read(1_000)
        recording.wait_until_stopped()
        assert neurons.timestamp() == 1_300
        check_same(recording, Window(neurons, 0, 300))


def empty_ones(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "without a single frame" in r.getMessage()]


@accelerated
@pytest.mark.parametrize("how", ["stop", "close"])
def test_an_end_that_was_set_and_not_waited_for_is_warned_of(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """cl-sdk's stop waits for the end, so programs get an empty file where they had one of two seconds."""
    with cl.open() as neurons:
        neurons.read(100)
        recording = neurons.record(stop_after_seconds=2)
        if how == "stop":
            recording.stop()
    (text,) = empty_ones(caplog)
    assert recording.file["path"] in text
    assert "50000" in text and "wait_until_stopped()" in text
    assert duration(recording) == 0


@accelerated
def test_nothing_is_warned_of_where_there_are_frames_or_no_end(caplog: pytest.LogCaptureFixture) -> None:
    with cl.open() as neurons:
        endless = neurons.record()
        endless.stop()
        short = neurons.record(stop_after_seconds=2)
        neurons.read(1)
        short.stop()
        neurons.record(stop_after_frames=5).wait_until_stopped()
    assert empty_ones(caplog) == []


@accelerated
def test_who_waits_for_one_that_was_stopped_returns_at_once() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(100)
        recording.stop()
        recording.wait_until_stopped()
        at_close = neurons.record()
        assert neurons.timestamp() == 100
    at_close.wait_until_stopped()


@pytest.mark.anyio
async def test_a_task_that_waits_for_one_that_was_stopped_returns_at_once() -> None:
    async with cl.aopen() as neurons:
        recording = neurons.record()
        await recording.astop()
        await recording.await_until_stopped()


@accelerated
def test_waiting_needs_an_end() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        with pytest.raises(RuntimeError, match=r"no end to wait for.*stop_after_seconds"):
            recording.wait_until_stopped()
        assert not recording.has_stopped()
        assert neurons.timestamp() == 0


@accelerated
def test_waiting_moves_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=0.2)
        neurons.create_data_stream("x")
        recording.wait_until_stopped()
        assert recording.has_stopped()
        assert neurons.timestamp() == (5_000 if source == "random" else 5_050)
        recording.wait_until_stopped()
        check_same(recording, Window(neurons, 0, 5_000))
    recording.wait_until_stopped()


@pytest.mark.anyio
@accelerated
async def test_the_async_ends(source: str) -> None:
    async with cl.aopen() as neurons:
        first = neurons.record()
        second = neurons.record(stop_after_frames=2_000)
        with pytest.raises(RuntimeError, match="no end"):
            await first.await_until_stopped()
        await second.await_until_stopped()
        assert second.has_stopped()
        stopped = neurons.timestamp()
        assert stopped == (2_000 if source == "random" else 2_050)
        await first.astop()
        assert neurons.timestamp() == stopped
        await first.astop()
        assert duration(first) == stopped
        check_same(second, Window(neurons, 0, 2_000))


@pytest.mark.anyio
async def test_the_async_ends_in_wall_clock_time(source: str) -> None:
    async with cl.aopen() as neurons:
        first = neurons.record()
        second = neurons.record(stop_after_seconds=0.1)
        await second.await_until_stopped()
        assert neurons.timestamp() >= second.start_timestamp + 2_500
        await first.astop()
        assert first.start_timestamp + duration(first) <= neurons.timestamp()
        assert duration(first) >= 2_500
        assert duration(second) == 2_500


@pytest.mark.anyio
@accelerated
async def test_who_waits_for_the_end_finds_an_early_stop() -> None:
    async def wait(recording: cl.Recording, found: list[int]) -> None:
        await recording.await_until_stopped()
        found.append(neurons.timestamp())

    found: list[int] = []
    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        recording = neurons.record(stop_after_seconds=100)
        group.start_soon(wait, recording, found)
        async for tick in neurons.aloop(100, stop_after_ticks=20):
            if tick.iteration == 9:
                await recording.astop()
    assert found == [2_500]
    assert duration(recording) == 2_500


def test_who_waits_in_wall_clock_time_finds_an_early_stop() -> None:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=100)
        thread = threading.Thread(target=recording.wait_until_stopped)
        thread.start()
        recording.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("end", [{"stop_after_seconds": 1e300}, {"stop_after_frames": 10**400}])
@pytest.mark.parametrize("virtual", ["0", "1"])
def test_an_end_may_be_as_far_away_as_one_likes(
    end: dict[str, Any], virtual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", virtual)
    with cl.open() as neurons:
        recording = neurons.record(**end)
        neurons.read(2_500)
        assert recording.status == "started"
        recording.stop()
    assert duration(recording) >= 2_500


@pytest.mark.anyio
@accelerated
async def test_cancelling_the_async_ends() -> None:
    async with cl.aopen() as neurons:
        recording = neurons.record(stop_after_frames=50_000)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await recording.await_until_stopped()
        assert scope.cancelled_caught
        assert not recording.has_stopped()
        await neurons.asleep_until(1_000)
        other = neurons.record()
        await neurons.asleep_until(2_000)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await other.astop()
        await neurons.asleep_until(3_000)
        await other.astop()
        assert duration(other) == 1_000, "it ended when it was told to"
        await recording.await_until_stopped()
        check_same(recording, Window(neurons, 0, 50_000))


@pytest.mark.anyio
async def test_cancelling_the_async_ends_in_wall_clock_time() -> None:
    async with cl.aopen() as neurons:
        endless, other = neurons.record(stop_after_seconds=1e6), neurons.record()
        with anyio.move_on_after(0.02) as scope:
            await endless.await_until_stopped()
        assert scope.cancelled_caught
        recording = neurons.record(stop_after_seconds=0.2)
        with anyio.move_on_after(0.02):
            await recording.await_until_stopped()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await other.astop()
        await recording.await_until_stopped()
        await other.astop()
        await endless.astop()
        assert duration(recording) == 5_000


# -- ended by others --------------------------------------------------------------------------


@accelerated
def test_closing_the_device_finalises(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"a": 1})
        stream = neurons.create_data_stream("s")
        recording.set_attribute("a", 2)
        neurons.read(1_000)
        stream.append(1_000, "last")
        neurons.stim(8, 1.0)
        neurons.read(250)
        neurons.stim(9, 1.0)
        neurons.read(1)
    assert recording.has_stopped()
    with recording.open() as view:
        assert view.complete
        assert view.attributes.application == {"a": 2}
        assert view.attributes.duration_frames >= 1_250
        # A stim whose notice had begun was delivered: closing is an interrupt.
        assert [channel for _, channel in stim_rows(view)] == [8, 9]
        assert len(view.samples) == view.attributes.duration_frames
    assert entries(recording, "s") == [(1_000, "last")]


def test_closing_the_device_finalises_in_wall_clock_time(source: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        threading.Event().wait(0.2)  # the user's own code, not a way of waiting for the device
        before = neurons.timestamp()
        # A source with a thread of its own gives on a busy machine later what is there by the clock.
        neurons.read(1)
    assert recording.start_timestamp + duration(recording) > before


@accelerated
def test_an_exception_finalises() -> None:
    with pytest.raises(ZeroDivisionError), cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=10)
        neurons.read(1_000)
        1 / 0  # noqa: B018
    assert recording.has_stopped()
    assert duration(recording) == 1_000


@accelerated
def test_stopping_the_device_finalises() -> None:
    with cl.open() as neurons:
        first = neurons.record()
        neurons.read(1_000)
        neurons.stop()
        assert first.has_stopped()
        neurons.start()
        second = neurons.record()
        neurons.read(1_000)
    assert (duration(first), duration(second)) == (1_000, 1_000)


@accelerated
def test_a_closed_device_records_no_more() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
    for call in (neurons.record, lambda: neurons.create_data_stream("t"), lambda: stream.append(5, 1)):
        with pytest.raises(DeviceDisconnectedError, match="closed"):
            call()


def test_a_source_that_ends_with_the_recording(accelerated: None) -> None:
    """Then the samples of the last spikes never come: the recording is whole all the same."""
    from source_tools import Source, numbered

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=1_000, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=1_000)
            recording.wait_until_stopped()
            with recording.open() as view:
                assert view.complete
                np.testing.assert_array_equal(view.samples[:], numbered(0, 1_000))
                assert [t for t, _, _ in spike_rows(view)] == list(range(0, 1_000, 100))
    finally:
        cl.sim.clear_simulator_data_source()


def test_samples_beyond_both_ends_of_a_source(accelerated: None) -> None:
    """The first frame stands for those before it, the last one for those that never come."""
    from source_tools import Source, numbered

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=40, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=40)
            recording.wait_until_stopped()
            with recording.open() as view:
                raw = np.pad(numbered(0, 40)[:, 0], (25, 10), mode="edge").astype(float)
                wanted = (raw - raw.mean()) * 0.195
                np.testing.assert_allclose(view.spikes[0]["samples"], wanted, rtol=1e-5)
    finally:
        cl.sim.clear_simulator_data_source()


def test_waiting_for_more_than_the_source_has(accelerated: None) -> None:
    from source_tools import Source

    cl.sim.set_simulator_data_source(lambda: Source(duration_frames=1_000, seekable=False))
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_frames=2_000)
            with pytest.raises(DeviceDisconnectedError, match="1000"):
                recording.wait_until_stopped()
            assert recording.has_stopped()
            recording.stop()
            assert duration(recording) == 1_000
    finally:
        cl.sim.clear_simulator_data_source()
