"""Background work keeps out of the way of loops' ticks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._wait import tick_gap
from cl._wait.tick_gap import GAP_S, wait_for_tick_gap


@dataclass
class Host:
    """A clock that stands still but for naps; frame n exists at n / 25 000 s."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def seconds_until(self, frame: int) -> float:
        return frame / 25_000 - self.seconds

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(tick_gap, "host_sleep", host.nap)
    return host


def engine(clock: Host, *loops: tuple[int, int]) -> Any:
    """Return what is looked at: a clock, and loops as (due, frames per tick)."""
    return SimpleNamespace(time=clock, runs=[SimpleNamespace(due=due, n=n) for due, n in loops])


def test_nobody_is_waited_for_where_no_loop_runs(host: Host) -> None:
    wait_for_tick_gap(engine(host))
    assert host.naps == []


def test_a_tick_that_is_far_is_not_waited_for(host: Host) -> None:
    wait_for_tick_gap(engine(host, (22, 25)))
    assert host.naps == []


def test_a_tick_that_is_near_is_let_pass(host: Host) -> None:
    wait_for_tick_gap(engine(host, (14, 25)))
    assert len(host.naps) == 1
    assert 14 / 25_000 < host.seconds < 14 / 25_000 + 0.0001


@pytest.mark.parametrize("due", [-1, -26, -2_501])
def test_behind_a_tick_that_runs_the_next_one_counts(host: Host, due: int) -> None:
    # Its body is running, so the loop has not moved on; the next ticks are 24, 49, ... frames away.
    wait_for_tick_gap(engine(host, (due, 25)))
    assert host.naps == []
    host.seconds = 20 / 25_000
    wait_for_tick_gap(engine(host, (due, 25)))
    assert len(host.naps) == 1


def test_a_loop_that_leaves_no_room_is_not_waited_for(host: Host) -> None:
    wait_for_tick_gap(engine(host, (1, 1)))
    wait_for_tick_gap(engine(host, (3, 5)))
    assert host.naps == []


def test_loops_that_fill_the_time_together_do_not_hold_it_up_for_long(host: Host) -> None:
    wait_for_tick_gap(engine(host, *((due, 25) for due in range(1, 25, 3))))
    assert host.seconds < 0.003


@given(st.integers(0, 10_000), st.integers(24, 25_000), st.floats(0, 3))
def test_with_one_loop_there_is_room_afterwards(due: int, n: int, now: float) -> None:
    host = Host(now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_gap, "host_sleep", host.nap)
        wait_for_tick_gap(engine(host, (due, n)))
    left = host.seconds_until(due)
    assert (left if left > 0 else left % (n / 25_000)) > GAP_S - 1e-9
    assert sum(host.naps) < GAP_S + 0.0002
