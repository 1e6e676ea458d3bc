"""Holding a controller against a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    path, _ = record(tmp_path, lambda tick, neurons: None)
    with pytest.raises(ValueError, match=text):
        replay(path, follow, **{"ticks_per_second": 200, **options})


def test_a_recording_without_stims_is_refused(tmp_path: Path) -> None:
    path, _ = record(tmp_path, follow, include_stims=False)
    with pytest.raises(ValueError, match="was recorded without its stims"):
        replay(path, follow, ticks_per_second=200)
