"""Schedules as they are written, and when their runs are due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_tools import BEGAN, schedule

from cl._schedule.document import ScheduleError, duration
from cl._schedule.times import Daily, Every, Once

WHOLE = """
[schedule]
device = "unix:/tmp/x.sock"
output = "out"
timezone = "Europe/Berlin"
until = 2027-01-01T00:00:00
limit = "2 h"
after_failure = "retry"
retry_after = 30
environment = {CL_CULTURE = "culture.toml", CL_SDK_RANDOM_SEED = 5}
[[run]]
name = "baseline"
record = "10 min"
recording = {compression = "gzip", attributes = {kind = "baseline"}}
every = "1.5 h"
first = "5 min"
times = 3
[[run]]
name = "rest"
application = "rest"
at = ["09:00", 21:30:00]
days = ["Monday", "sun"]
limit = "30 min"
after_failure = "stop"
"""


def test_a_schedule_as_it_is_meant(tmp_path: Path) -> None:
    from cl.app.targets import bundled

    name = sorted(bundled())[0]
    plan = schedule(tmp_path, WHOLE.replace('application = "rest"', f'application = "{name}"'))
    assert (plan.device, plan.output, plan.folder) == ("unix:/tmp/x.sock", tmp_path / "out", tmp_path)
    assert plan.environment == {"CL_CULTURE": "culture.toml", "CL_SDK_RANDOM_SEED": "5"}
    assert plan.until == datetime(2026, 12, 31, 23, tzinfo=UTC)
    baseline, rest = plan.runs
    assert baseline.times == Every(timedelta(hours=1.5), timedelta(minutes=5))
    assert (baseline.record_seconds, baseline.most, baseline.limit) == (600, 3, timedelta(hours=2))
    assert (baseline.policy.after_failure, baseline.policy.retry_after) == ("retry", timedelta(seconds=30))
    zone = ZoneInfo("Europe/Berlin")
    assert rest.times == Daily((time(9), time(21, 30)), frozenset({0, 6}), zone)
    assert (rest.policy.after_failure, rest.limit) == ("stop", timedelta(minutes=30))
    assert rest.configuration is not None and Path(rest.configuration).is_file()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"there is no \[\[run\]\]"),
        ("[[run", "is no TOML file"),
        ("[other]\n", "the file has 'other'"),
        ("[schedule]\nx = 1\n[[run]]\n", r"\[schedule\] has 'x'"),
        ("[[run]]\nname = 'a/b'\n", "letters, digits"),
        ("[[run]]\nname = 'a'\nevery = 5\n", "needs either application or record"),
        ("[[run]]\nname = 'a'\nrecord = 5\n", "needs either every or at"),
        ("[[run]]\nname = 'a'\nrecord = 5\nevery = '5 minuts'\n", "a duration above 0"),
        ("[[run]]\nname = 'a'\nrecord = 0\nevery = 5\n", "a duration above 0"),
        ("[[run]]\nname = 'a'\nrecord = 5\nat = '25:00'\n", "a time of day"),
        ("[[run]]\nname = 'a'\nrecord = 5\nat = '05:00'\ndays = 'someday'\n", "days must be of"),
        ("[[run]]\nname = 'a'\nrecord = 5\nevery = 5\nafter_failure = 'cry'\n", "one of continue, retry"),
        (
            "[[run]]\nname = 'a'\nrecord = 5\nevery = 5\nrecording = {compression = 1}\n",
            "compression cannot be 1",
        ),
        ("[[run]]\nname = 'a'\nrecord = 5\nevery = 5\nrecording = {stop = 1}\n", "has 'stop'"),
        ("[[run]]\nname = 'a'\napplication = 'nowhere'\nevery = 5\n", "does not exist"),
        ("[[run]]\nname = 'a'\nrecord = 5\nevery = 5\n" * 2, "two runs are called 'a'"),
        ("[[run]]\nname = 'a'\nrecord = 5\nevery = 5\ntimes = 0\n", "at least 1, not 0"),
        ("[schedule]\ntimezone = 'Mars/Base'\n[[run]]\n", "there is no 'Mars/Base'"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ScheduleError, match=match) as caught:
        schedule(tmp_path, text)
    assert "plan.toml" in str(caught.value)


def test_durations() -> None:
    for text, seconds in (
        ("90 s", 90),
        ("10min", 600),
        ("1.5 hours", 5400),
        ("2 days", 172800),
        ("1 week", 604800),
    ):
        assert duration(text, "x") == timedelta(seconds=seconds)
    assert duration(0.5, "x") == timedelta(seconds=0.5)


ZONE = ZoneInfo("Europe/Berlin")
PLANS = [
    Every(timedelta(hours=7), timedelta(minutes=3)),
    Every(timedelta(seconds=11)),
    Daily((time(9), time(2, 30)), zone=ZONE),
    Daily((time(0),), frozenset({2}), UTC),
    Once(BEGAN + timedelta(hours=30)),
]


@given(st.sampled_from(PLANS), st.integers(0, 40_000), st.integers(0, 40_000))
def test_the_last_is_the_last_of_those_that_follow(plan: object, first: int, more: int) -> None:
    after = BEGAN + timedelta(seconds=first - 100)
    until = after + timedelta(seconds=more)
    moments, at = [], after
    while (at := plan.next(at, BEGAN)) is not None and at <= until:  # type: ignore[attr-defined]
        assert not moments or at > moments[-1]
        moments.append(at)
    expected = (moments[-1], len(moments) - 1) if moments else (None, 0)
    assert plan.last(after, until, BEGAN) == expected  # type: ignore[attr-defined]


def test_times_of_day_are_those_of_the_clocks() -> None:
    daily = Daily((time(9),), zone=ZONE)
    summer, winter = datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
    assert daily.next(summer, BEGAN) == datetime(2026, 10, 23, 7, tzinfo=UTC)
    assert daily.next(winter, BEGAN) == datetime(2026, 10, 25, 8, tzinfo=UTC)
    weekly = Daily((time(9),), frozenset({6}), ZONE)
    moments, at = [], summer
    for _ in range(3):
        at = weekly.next(at, BEGAN) or at
        moments.append(at.astimezone(ZONE).strftime("%a %H:%M"))
    assert moments == ["Sun 09:00"] * 3
