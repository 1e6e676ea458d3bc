"""SCHEDULE.toml, checked: which runs there are, when, and what is done after a failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from .times import Daily, Every, Once, Times

POLICIES: Final = ("continue", "retry", "stop", "drop")
"""What is done after a failure: go on with what is next, do it again, end the schedule, do it no more."""
_UNITS: Final = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "week": 604800,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAME: Final = re.compile(r"\w[\w-]{0,63}")
_RECORDING: Final = {
    "compression": str,
    "new_file_every_seconds": (int, float),
    "attributes": dict,
    "include_spikes": bool,
    "include_stims": bool,
    "include_raw_samples": bool,
    "include_data_streams": bool,
}
"""What a recording takes, as `Neurons.record` does."""
_HEAD: Final = frozenset(
    {
        "device",
        "output",
        "timezone",
        "until",
        "after_failure",
        "retries",
        "retry_after",
        "limit",
        "environment",
    }
)
_RUN: Final = frozenset(
    {
        *("name", "application", "configuration", "record", "recording", "every", "first", "at", "days"),
        *("limit", "after_failure", "retries", "retry_after", "times"),
    }
)


class ScheduleError(ValueError):
    """What is wrong with a schedule, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is done after a failure."""

    after_failure: str = "continue"
    retries: int = 3
    retry_after: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An application with its configuration, or a recording, and when it is due."""

    name: str
    times: Times
    application: str | None = None
    configuration: str | None = None
    record_seconds: float | None = None
    recording: Mapping[str, Any] = field(default_factory=dict)
    limit: timedelta | None = None
    most: int | None = None
    """As often at most; None: for ever."""
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All runs, in the order of the file, and what they have in common."""

    path: Path
    folder: Path
    """Paths in the file are relative to it, and runs are started in it."""
    output: Path
    device: str | None
    environment: Mapping[str, str]
    until: datetime | None
    runs: tuple[Run, ...]


def read_schedule(path: Path) -> Schedule:
    """Read and check a schedule; `ScheduleError` says what is wrong and where, OSError that none is there."""
    import tomllib

    with path.open("rb") as file:
        try:
            found = tomllib.load(file)
        except ValueError as error:
            raise ScheduleError(f"{path} is no TOML file: {error}") from None
    try:
        return _schedule(path.absolute(), found)
    except ScheduleError as error:
        raise ScheduleError(f"{path}: {error}") from None


def duration(value: Any, where: str) -> timedelta:
    """Return a duration: a number of seconds, or a text as "90 s", "10 min", "1.5 h", "2 days", "1 week"."""
    seconds = value
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip().lower())
        unit = match and (_UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")))
        seconds = float(match[1]) * unit if match and unit else None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
        raise ScheduleError(
            f"{where} must be a duration above 0, as '90 s', '10 min' or '1 day', not {value!r}"
        )
    return timedelta(seconds=seconds)


def _schedule(path: Path, found: dict[str, Any]) -> Schedule:
    _known(found, {"schedule", "run"}, "the file")
    head = found.get("schedule", {})
    _is(head, dict, "[schedule]")
    _known(head, _HEAD, "[schedule]")
    tables = found.get("run")
    if not isinstance(tables, list) or not tables:
        raise ScheduleError("there is no [[run]]")
    zone = _zone(head.get("timezone"))
    policy = _policy(head, Policy(), "[schedule]")
    limit = duration(head["limit"], "[schedule] limit") if "limit" in head else None
    folder = path.parent
    runs = tuple(
        _run(table, f"[[run]] {number}", folder, zone, policy, limit)
        for number, table in enumerate(tables, 1)
    )
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ScheduleError(f"two runs are called {twice!r}")
    environment = head.get("environment", {})
    _is(environment, dict, "[schedule.environment]")
    return Schedule(
        path=path,
        folder=folder,
        output=folder / _text(head.get("output", path.stem), "[schedule] output"),
        device=_text(head["device"], "[schedule] device") if "device" in head else None,
        environment={name: str(value) for name, value in environment.items()},
        until=_moment(head["until"], zone, "[schedule] until") if "until" in head else None,
        runs=runs,
    )


def _run(
    table: Any, where: str, folder: Path, zone: tzinfo | None, policy: Policy, limit: timedelta | None
) -> Run:
    _is(table, dict, where)
    name = _text(table.get("name"), f"{where} name")
    if not _NAME.fullmatch(name):
        raise ScheduleError(f"{where} name must be letters, digits, _ and -, 64 at most, not {name!r}")
    where = f"[[run]] {name}"
    _known(table, _RUN, where)
    if ("application" in table) == ("record" in table):
        raise ScheduleError(f"{where} needs either application or record")
    most = table.get("times")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ScheduleError(f"{where} times must be a whole number of at least 1, not {most!r}")
    return Run(
        name=name,
        times=_times(table, zone, where),
        limit=duration(table["limit"], f"{where} limit") if "limit" in table else limit,
        most=most,
        policy=_policy(table, policy, where),
        **(_application(table, folder, where) if "application" in table else _recording(table, where)),
    )


def _application(table: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
    target = _text(table["application"], f"{where} application")
    configuration = _text(table.get("configuration", "default.json"), f"{where} configuration")
    if "recording" in table:
        raise ScheduleError(f"{where} is an application: [run.recording] is for runs that record")
    from cl.app.project import ProjectError
    from cl.app.targets import BUNDLED, find_configuration, find_project

    here = folder / target
    try:
        project = find_project(str(here) if here.is_dir() else target)
    except ProjectError as error:
        raise ScheduleError(f"{where}: {error}") from None
    file = find_configuration(project, str(folder / configuration))
    if not file.is_file():
        own = find_configuration(project, configuration)
        file = own if project.folder.parent == BUNDLED else project.folder / configuration
    if not file.is_file():
        raise ScheduleError(f"{where}: there is no configuration {configuration!r}")
    return {"application": str(project.folder), "configuration": str(file)}


def _recording(table: dict[str, Any], where: str) -> dict[str, Any]:
    if "configuration" in table:
        raise ScheduleError(f"{where} records: a configuration is for applications")
    given = table.get("recording", {})
    _is(given, dict, f"{where} recording")
    _known(given, set(_RECORDING), f"{where} recording")
    for name, value in given.items():
        kind: Any = _RECORDING[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ScheduleError(f"{where} recording: {name} cannot be {value!r}")
    return {
        "record_seconds": duration(table["record"], f"{where} record").total_seconds(),
        "recording": given,
    }


def _times(table: dict[str, Any], zone: tzinfo | None, where: str) -> Times:
    if ("every" in table) == ("at" in table):
        raise ScheduleError(f"{where} needs either every or at")
    if "every" in table:
        if "days" in table:
            raise ScheduleError(f"{where}: days goes with at")
        first = table.get("first", 0)
        later = timedelta(0) if first in (0, "0") else duration(first, f"{where} first")
        return Every(duration(table["every"], f"{where} every"), later)
    at = table["at"]
    if "first" in table:
        raise ScheduleError(f"{where}: first goes with every")
    if isinstance(at, datetime) and "days" not in table:
        return Once(_moment(at, zone, f"{where} at"))
    given = at if isinstance(at, list) else [at]
    times = tuple(_time(one, f"{where} at") for one in given)
    if not times:
        raise ScheduleError(f"{where} at has no times")
    return Daily(times, _weekdays(table.get("days"), where), zone)


def _time(value: Any, where: str) -> time:
    if isinstance(value, time):
        return value
    try:
        found = time.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is not None:
        raise ScheduleError(f"{where} must be a time of day as '09:30', not {value!r}")
    return found


def _weekdays(value: Any, where: str) -> frozenset[int]:
    if value is None:
        return frozenset(range(7))
    given = value if isinstance(value, list) else [value]
    found = [_DAYS.index(day.lower()[:3]) if str(day).lower()[:3] in _DAYS else -1 for day in map(str, given)]
    if -1 in found or not found:
        raise ScheduleError(f"{where} days must be of {', '.join(_DAYS)}, not {value!r}")
    return frozenset(found)


def _moment(value: Any, zone: tzinfo | None, where: str) -> datetime:
    if not isinstance(value, datetime):
        raise ScheduleError(f"{where} must be a date with a time, not {value!r}")
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    return value.astimezone() if zone is None else value.replace(tzinfo=zone)


def _zone(name: Any) -> tzinfo | None:
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(_text(name, "[schedule] timezone"))
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"[schedule] timezone: there is no {name!r}") from None


def _policy(table: dict[str, Any], known: Policy, where: str) -> Policy:
    after = table.get("after_failure", known.after_failure)
    if after not in POLICIES:
        raise ScheduleError(f"{where} after_failure must be one of {', '.join(POLICIES)}, not {after!r}")
    retries = table.get("retries", known.retries)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 1:
        raise ScheduleError(f"{where} retries must be a whole number of at least 1, not {retries!r}")
    again = known.retry_after
    if "retry_after" in table:
        again = duration(table["retry_after"], f"{where} retry_after")
    return Policy(after_failure=after, retries=retries, retry_after=again)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ScheduleError(f"{where} must be a text that is not empty, not {value!r}")
    return value


def _is(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, kind):
        raise ScheduleError(f"{where} must be a {'table' if kind is dict else kind.__name__}, not {value!r}")


def _known(table: Mapping[str, Any], names: set[str] | frozenset[str], where: str) -> None:
    unknown = sorted(set(table) - names)
    if unknown:
        raise ScheduleError(f"{where} has {unknown[0]!r}, which is none of {', '.join(sorted(names))}")
