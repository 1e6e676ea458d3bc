"""Holding a controller against a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

import cl
from cl.testing import ReplayReport, Simulator, replay

Controller = Callable[[Any, cl.Neurons], None]


def follow(tick: Any, neurons: cl.Neurons) -> None:
    """Answer every spike on the first half of the channels with a pulse on the other half."""
    for spike in tick.analysis.spikes:
        if spike.channel < 31:
            neurons.stim(spike.channel + 32 if spike.channel != 24 else 9, 0.5)


def record(
    folder: Path, controller: Controller, begin: int = 0, ticks: int = 100, **more: Any
) -> tuple[str, int]:
    """Record a run of a controller at 200/s; return the file, and how far in the loop began."""
    with Simulator(11) as neurons:
        neurons.read(777)
        recording = neurons.record(file_location=str(folder), **more)
        neurons.read(begin)
        loop = neurons.loop(200, stop_after_ticks=ticks)
        for tick in loop:
            controller(tick, neurons)
        start = loop.start_timestamp - recording.start_timestamp
        recording.stop()
    return recording.file["path"], start


def test_the_same_controller_does_the_same(tmp_path: Path) -> None:
    path, start = record(tmp_path, follow)
    assert start == 0
    report = replay(path, follow, ticks_per_second=200)
    assert report
    assert report.ticks == 100
    assert report.recorded == report.issued
    assert len(report.issued) > 10
    assert report.first_difference is None
    assert str(report) == f"{len(report.issued)} stims in 100 ticks, as recorded"
    report.check()


def test_the_loop_may_have_begun_after_the_recording(tmp_path: Path) -> None:
    path, start = record(tmp_path, follow, begin=1_009)
    assert start == 1_009
    report = replay(path, follow, ticks_per_second=200, start=start)
    report.check()
    assert report.ticks == 100
    assert report.issued[0].timestamp > 1_009
    assert not replay(path, follow, ticks_per_second=200), "out of step with the recorded loop"


def test_an_async_controller(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)

    async def controller(tick: Any, neurons: cl.Neurons) -> None:
        follow(tick, neurons)

    for backend in ("asyncio", "trio"):
        assert replay(path, controller, ticks_per_second=200, backend=backend)


def _altered(path: str, ticks: int | None, change: Controller, **more: Any) -> ReplayReport:
    return replay(path, change, ticks_per_second=200, ticks=ticks, **more)


def test_the_first_difference_is_told(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)
    expected = replay(path, follow, ticks_per_second=200).recorded

    def silent(tick: Any, neurons: cl.Neurons) -> None:
        if tick.iteration_timestamp < expected[5].timestamp - 10:
            follow(tick, neurons)

    report = _altered(path, None, silent)
    difference = report.first_difference
    assert not report
    assert difference is not None
    assert (difference.timestamp, difference.issued) == (expected[5].timestamp, None)
    assert difference.recorded == expected[5]
    with pytest.raises(AssertionError, match=f"first difference at timestamp {expected[5].timestamp} "):
        report.check()

    def eager(tick: Any, neurons: cl.Neurons) -> None:
        follow(tick, neurons)
        if tick.iteration == 40:
            neurons.stim(60, 1.0)

    difference = _altered(path, None, eager).first_difference
    assert difference is not None
    assert (difference.timestamp, difference.channel, difference.recorded) == (41 * 125 + 2, 60, None)
    assert "the recording has no stim, the controller gave one at 5127" in str(difference)


def test_another_current_is_a_difference_where_the_recording_knows_it(tmp_path: Path) -> None:
    def regular(tick: Any, neurons: cl.Neurons) -> None:
        neurons.stim(8, 1.0)

    def stronger(tick: Any, neurons: cl.Neurons) -> None:
        neurons.stim(8, 1.5 if tick.iteration == 20 else 1.0)

    path, _ = record(tmp_path, regular, ticks=40)
    difference = _altered(path, None, stronger).first_difference
    assert difference is not None and difference.recorded == difference.issued
    assert str(difference).endswith(
        "the recording has a stim at 2627 of StimDesign(160, -1.0, 160, 1.0), "
        "the controller gave one at 2627 of StimDesign(160, -1.5, 160, 1.5)"
    )
    with h5py.File(path, "r+") as file:
        del file["stim_designs"]
    assert _altered(path, None, stronger), "as in a file of an earlier version"


def test_lateness_may_be_tolerated(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)

    def late(tick: Any, neurons: cl.Neurons) -> None:
        neurons.read(3)
        follow(tick, neurons)

    report = _altered(path, 50, late)
    assert report.first_difference is not None
    assert report.first_difference.recorded is not None
    assert report.first_difference.issued is not None
    assert report.first_difference.issued.timestamp == report.first_difference.recorded.timestamp + 3
    assert _altered(path, 50, late, tolerance_frames=3)
    assert not _altered(path, 50, late, tolerance_frames=2)


def test_lateness_is_tolerated_at_the_end_too(tmp_path: Path) -> None:
    def delayed(tick: Any, neurons: cl.Neurons) -> None:
        if tick.iteration % 10 == 8:
            neurons.stim(8, 1.0, lead_time_us=4_920)  # two frames before the end of the next tick

    def late(tick: Any, neurons: cl.Neurons) -> None:
        neurons.read(3)
        delayed(tick, neurons)

    path, _ = record(tmp_path, delayed)
    report = _altered(path, 20, late, tolerance_frames=3)
    assert [stim.timestamp for stim in report.recorded] == [1_248, 2_498]
    assert [stim.timestamp for stim in report.issued] == [1_251], "the other one comes after the end"
    report.check()
    difference = _altered(path, 20, late, tolerance_frames=1).first_difference
    assert difference is not None and difference.timestamp == 1_248
    difference = _altered(path, 20, lambda tick, neurons: None, tolerance_frames=1).first_difference
    assert difference is not None and (difference.timestamp, difference.issued) == (1_248, None)


@pytest.mark.parametrize(
    ("changed", "timestamp", "recorded", "issued"),
    [
        ({4: 8}, 627, 1_252, 627),
        ({9: None, 10: 8}, 1_252, 1_252, 1_377),
        ({9: None}, 1_252, 1_252, 2_502),
        ({9: 9}, 1_252, 1_252, 2_502),
        ({33: 8}, 4_252, None, 4_252),
        ({29: None}, 3_752, 3_752, None),
        ({30: 0}, None, None, None),
    ],
    ids=["early", "late", "too few", "another channel", "too many", "one less at the end", "a grounded one"],
)
def test_what_may_differ(
    changed: dict[int, int | None],
    timestamp: int | None,
    recorded: int | None,
    issued: int | None,
    tmp_path: Path,
) -> None:
    def regular(tick: Any, neurons: cl.Neurons) -> None:
        if tick.iteration % 10 == 9:
            neurons.stim(8, 1.0)

    def controller(tick: Any, neurons: cl.Neurons) -> None:
        channel = changed.get(tick.iteration, 8 if tick.iteration % 10 == 9 else None)
        if channel is not None:
            neurons.stim(channel, 1.0)

    path, _ = record(tmp_path, regular, ticks=40)
    report = _altered(path, 35, controller)
    difference = report.first_difference
    if timestamp is None:
        assert difference is None
        return
    assert difference is not None
    found = [stim and stim.timestamp for stim in (difference.recorded, difference.issued)]
    assert (difference.timestamp, difference.channel, *found) == (timestamp, 8, recorded, issued)
    assert str(report).startswith(f"first difference at timestamp {timestamp} ({timestamp / 25_000:.5f} s)")


def test_an_error_of_the_controller_is_its_own(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)

    def fails(tick: Any, neurons: cl.Neurons) -> None:
        if tick.iteration == 3:
            raise KeyError("mine")

    async def fails_later(tick: Any, neurons: cl.Neurons) -> None:
        await neurons.asleep(0.001)
        fails(tick, neurons)

    for controller in (fails, fails_later):
        with pytest.raises(KeyError, match="mine"):
            replay(path, controller, ticks_per_second=200)
    assert replay(path, follow, ticks_per_second=200), "and the next one has a device of its own"


def test_objects_may_be_async_controllers(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)

    class Follower:
        async def __call__(self, tick: Any, neurons: cl.Neurons) -> None:
            await neurons.asleep(0)
            follow(tick, neurons)

    assert replay(path, Follower(), ticks_per_second=200)
    follower = Follower()
    with pytest.raises(TypeError, match="give an async function itself"):
        replay(path, lambda tick, neurons: follower(tick, neurons), ticks_per_second=200)


def test_part_of_a_recording(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow)
    report = replay(path, follow, ticks_per_second=200, ticks=10)
    assert report
    assert all(stim.timestamp < 1_250 for stim in report.recorded)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"start": -1}, "start must be from 0 to 12499"),
        ({"start": 12_500}, "start must be from 0 to 12499"),
        ({"ticks": 0}, "ticks must be from 1 to 100"),
        ({"ticks": 101}, "ticks must be from 1 to 100"),
        ({"ticks_per_second": 0}, "ticks_per_second must be above 0"),
        ({"tolerance_frames": -1}, "tolerance_frames must be at least 0, not -1"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    path, _ = record(tmp_path, lambda tick, neurons: None)
    with pytest.raises(ValueError, match=text):
        replay(path, follow, **{"ticks_per_second": 200, **options})


@pytest.mark.parametrize("name", ["start", "ticks", "tolerance_frames"])
def test_arguments_of_wrong_types_are_named(tmp_path: Path, name: str) -> None:
    path, _ = record(tmp_path, lambda tick, neurons: None)
    with pytest.raises(TypeError, match=f"{name} must be an integer, not 1.5"):
        replay(path, follow, ticks_per_second=200, **{name: 1.5})  # type: ignore[arg-type]


def test_a_recording_without_stims_is_refused(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow, include_stims=False)
    with pytest.raises(ValueError, match="was recorded without its stims"):
        replay(path, follow, ticks_per_second=200)


def synchronise(tick: Any, neurons: cl.Neurons) -> None:
    """Do what `follow` does, and at one tick what leads to no other pulse."""
    follow(tick, neurons)
    if tick.iteration == 40:
        neurons.sync(cl.ChannelSet(40, 41))


def test_commands_are_compared_where_the_stims_agree(tmp_path: Path) -> None:
    path, _ = record(tmp_path, synchronise)
    report = replay(path, synchronise, ticks_per_second=200)
    report.check()
    assert report.recorded_commands is not None
    assert [(e.timestamp, e.kind) for e in report.issued_commands] == [
        (e.timestamp, e.kind) for e in report.recorded_commands
    ]
    other = replay(path, follow, ticks_per_second=200)
    assert other.first_difference is None and not other
    difference = other.first_command_difference
    assert difference is not None and difference.recorded is not None
    assert (difference.timestamp, difference.recorded.kind) == (41 * 125, "sync")
    with pytest.raises(AssertionError, match=r"timestamp 5125 .*the recording has sync \(40, 41\) at 5125"):
        other.check()
    assert replay(record(tmp_path, follow)[0], synchronise, ticks_per_second=200).first_command_difference


def test_a_recording_without_a_log_is_compared_by_its_stims(tmp_path: Path) -> None:
    path, _ = record(tmp_path, synchronise)
    with h5py.File(path, "r+") as file:
        del file["log"]
    report = replay(path, follow, ticks_per_second=200)
    assert report and report.recorded_commands is None and report.issued_commands
