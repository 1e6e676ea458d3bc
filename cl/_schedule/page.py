"""The summary of a schedule: one page of static HTML, which loads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from html import escape
from typing import Final
from urllib.parse import quote

from .document import Run, Schedule
from .processes import LOG
from .state import Result, State

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin-bottom:2rem}"
    "th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8884;vertical-align:top}"
    ".done{color:#176f2c}.failed,.interrupted,.timed{color:#b3261e}.missed,.no{color:#8a5a00}"
    "@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}a{color:#8ab4f8}"
    ".done{color:#7fd18f}.failed,.interrupted,.timed{color:#ff8a80}.missed,.no{color:#e0b050}}"
)


def page(schedule: Schedule, state: State, results: Collection[Result], now: datetime) -> str:
    """Return the page, of the last results."""
    title = escape(schedule.path.stem)
    running = state.running
    at_it = "nothing runs" if running is None else f"{running.run} runs since {_time(running.started)}"
    if state.stopped:
        at_it = f"ended by a failure: {state.stopped}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="60">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>As of {_time(now)}, begun {_time(state.began)}: {escape(at_it)}.</p>"
        f"<h2>Runs</h2>{_runs(schedule, state, results, now)}"
        f"<h2>What has happened</h2>{_results(results)}</html>\n"
    )


def _runs(schedule: Schedule, state: State, results: Collection[Result], now: datetime) -> str:
    counts = Counter((result.run, result.outcome) for result in results)
    rows = [_run(run, state, counts, now) for run in schedule.runs]
    return _table(("run", "what", "next", "done", "failed", "missed"), rows)


def _run(run: Run, state: State, counts: Counter[tuple[str, str]], now: datetime) -> list[str]:
    progress = state.progress.get(run.name)
    what = run.application or f"records {run.record_seconds:g} s"
    if progress is not None and progress.dropped:
        due = "no more, after a failure"
    elif progress is not None and run.most is not None and progress.ended >= run.most:
        due = "no more"
    else:
        following = (progress and progress.again) or run.times.next(now, state.began)
        due = "no more" if following is None else _time(following)
    failed = sum(counts[run.name, outcome] for outcome in ("failed", "timed out", "interrupted"))
    figures = [counts[run.name, "done"], failed, counts[run.name, "missed"]]
    return [escape(text) for text in (run.name, what, due, *map(str, figures))]


def _results(results: Collection[Result]) -> str:
    rows = [_result(result) for result in reversed(list(results))]
    return _table(("run", "due", "begun", "ended", "", ""), rows)


def _result(result: Result) -> list[str]:
    outcome = f'<span class="{escape(result.outcome)}">{escape(result.outcome)}</span>'
    log = f'<a href="{quote(f"{result.folder}/{LOG}")}">log</a>' if result.folder else ""
    begun = _time(result.started) if result.started else ""
    said = f"{escape(result.text)} {log}".strip()
    return [escape(result.run), _time(result.due), begun, _time(result.ended), outcome, said]


def _table(names: tuple[str, ...], rows: list[list[str]]) -> str:
    """Return a table; the cells are HTML."""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
