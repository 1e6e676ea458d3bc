"""What is told of a device that stands still, on a clock of the test's own."""

from __future__ import annotations

import pytest

from cl.hw.driver.standstill import Standstill
from cl.hw.wire.layout import Status

MS = 1_000_000


def told(looks: list[tuple[int, int]]) -> list[int]:
    watched = Standstill(0)
    return [ms for ms, status in looks if watched.look(ms * MS, status)]


def test_a_device_that_stops_is_told_of_once_and_within_200_ms() -> None:
    assert told([(5 * i, Status.STOPPED) for i in range(100)]) == [100]
    again = [(5 * i, Status.STOPPED if i < 40 or i > 50 else Status.RUNNING) for i in range(100)]
    assert told(again) == [100, 350]


def test_what_runs_or_has_failed_or_stops_for_a_moment_is_not() -> None:
    for status in (Status.RUNNING, Status.FAILED):
        assert told([(5 * i, status) for i in range(100)]) == []
    assert told([(5 * i, Status.STOPPED if i % 10 else Status.RUNNING) for i in range(100)]) == []


def test_time_in_which_the_process_was_held_up_does_not_count() -> None:
    assert told([(3_600_000 * i, Status.STOPPED) for i in range(1, 6)]) == [3_600_000 * 4]


@pytest.mark.parametrize("status", [3, 4, 1 << 63])
def test_a_status_that_there_is_not_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=f"its status is {status}"):
        Standstill(0).look(0, status)
