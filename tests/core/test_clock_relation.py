"""Device time on the host's clocks, with clocks that the tests move themselves."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._core import host_clock
from cl._core.clock_relation import HostTime
from cl._core.host_clock import WallClock, host_and_utc_ns, monotonic_offset
from cl._recording.clock_log import PERIOD, ClockLog


class Host:
    """Three clocks that run alike from different beginnings; every reading of one takes some time."""

    def __init__(self, ahead: int = 123_456_789, grain: int = 1, delays: tuple[int, ...] = (40,)) -> None:
        self.ns = 10_000_000_000
        self.ahead, self.grain = ahead, grain
        self._delays, self._reads = delays, 0

    def perf(self) -> int:
        self.ns += self._delays[self._reads % len(self._delays)]
        self._reads += 1
        return self.ns

    def monotonic(self) -> int:
        return (self.perf() + self.ahead) // self.grain * self.grain

    def utc(self) -> int:
        return self.perf() + 1_800_000_000_000_000_000

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host_clock, "perf_counter_ns", self.perf)
        info = SimpleNamespace(resolution=self.grain * 1e-9)
        clocks = {"monotonic_ns": self.monotonic, "time_ns": self.utc, "get_clock_info": lambda name: info}
        monkeypatch.setattr(host_clock, "time", SimpleNamespace(**clocks))


@settings(max_examples=60)
@given(
    ahead=st.integers(-(10**18), 10**18),
    grain=st.sampled_from([1, 1_000, 15_625_000]),
    delays=st.lists(st.integers(1, 100_000), min_size=1, max_size=9),
)
def test_the_offset_of_two_clocks_is_within_its_error(ahead: int, grain: int, delays: list[int]) -> None:
    host = Host(ahead, grain, tuple(delays))
    with pytest.MonkeyPatch.context() as monkeypatch:
        host.install(monkeypatch)
        offset, error = monotonic_offset()
        assert abs(offset - ahead) <= error <= grain + 2 * max(delays)
        perf, utc = host_and_utc_ns()
        assert abs(utc - perf - 1_800_000_000_000_000_000) <= max(delays)


def test_the_real_clocks_are_close() -> None:
    _, error = monotonic_offset()
    assert 0 <= error < 1_000_000


def test_a_frame_is_where_the_clock_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Host().install(monkeypatch)
    host_time = HostTime(WallClock(1_000, origin_ns=5_000_000))
    first = 5_000_000 + 123_456_789
    assert host_time.ns(1_000) == pytest.approx(first, abs=50)
    assert host_time.ns(1_250) - host_time.ns(1_000) == 10_000_000
    assert host_time.timestamp(host_time.ns(7_777)) == 7_777
    assert host_time.timestamp(host_time.ns(7_777) - 1) == 7_776
    assert host_time.timestamp(0) < 0
    assert 40_000 < host_time.error_ns() < 40_100
    monotonic_ns, utc_ns = host_time.on_both_clocks(7_777)
    assert monotonic_ns == host_time.ns(7_777)
    assert utc_ns - monotonic_ns == pytest.approx(1_800_000_000_000_000_000 - 123_456_789, abs=1_000)


@settings(max_examples=60)
@given(
    start=st.integers(0, 2**40),
    stops=st.lists(st.integers(0, 3 * PERIOD), max_size=6).map(sorted),
    rest=st.integers(0, 2 * PERIOD),
)
def test_rows_are_at_the_start_every_ten_seconds_and_at_the_end(
    start: int, stops: list[int], rest: int
) -> None:
    rows: list[tuple[int, int, int]] = []
    writer: Any = SimpleNamespace(append_clock=lambda *row: rows.append(row))
    log = ClockLog(WallClock(0, origin_ns=0), writer, start)
    log.come_to(start - 5)
    assert [row[0] for row in rows] == [0], "at once: a process may be killed at any moment"
    for stop in stops:
        log.come_to(start + stop)
        assert [row[0] for row in rows] == list(range(0, stop + 1, PERIOD))
    end = (stops[-1] if stops else 0) + rest
    log.end_at(start + end)
    whole = list(range(0, end + 1, PERIOD))
    assert [row[0] for row in rows] == (whole if end in whole else [*whole, end])
    moments = [row[1] for row in rows]
    assert all(b - a == 40_000 * (q - p) for (p, a, _), (q, b, _) in pairwise(rows))
    assert moments == sorted(moments)


def test_without_a_clock_nothing_is_noted() -> None:
    log = ClockLog(None, SimpleNamespace(), 100)  # type: ignore[arg-type]
    log.come_to(100 + 3 * PERIOD)
    log.end_at(100 + 3 * PERIOD + 1)
