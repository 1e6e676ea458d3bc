"""A report as one page of HTML that needs nothing else: no network, no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cl._values.version import VERSION
from cl.analysis.pictures.every import draw_numbers

from . import drawings
from .figures import FIGURES, at_a_glance, number
from .images import draw
from .plain import printable
from .style import STYLE
from .words import WORDS

if TYPE_CHECKING:
    from .computing import Outcome, Report

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def as_page(reports: list[Report], step: Callable[[str], None] = lambda name: None) -> str:
    """Return the page of some reports; `step` is called with a name before each part is drawn."""
    title = ", ".join(PurePath(report.paths[0]).name for report in reports[:3])
    if len(reports) > 3:
        title += f" and {len(reports) - 3} more"
    return "".join(_page(title, reports, step))


def _page(title: str, reports: list[Report], step: Callable[[str], None]) -> Iterator[str]:
    yield _HEAD.format(title=shown(f"Analysis of {title}"), style=STYLE)
    yield f"<header><p class='kind'>Analysis of a recording</p><h1>{shown(title)}</h1></header>\n<main>\n"
    if len(reports) > 1:
        links = (
            f"<li><a href='#r{index}'>{shown(PurePath(report.paths[0]).name)}</a></li>"
            for index, report in enumerate(reports)
        )
        yield f"<nav><ul>{''.join(links)}</ul></nav>\n"
    for index, report in enumerate(reports):
        yield from _report(index, report, len(reports) > 1, step)
    yield f"</main>\n<footer>Made by cl-aio {shown(VERSION)}: <code>python -m cl analyse</code>. "
    yield "Arguments in bold were set; all others are defaults.</footer>\n</body>\n</html>\n"


def _report(index: int, report: Report, is_named: bool, step: Callable[[str], None]) -> Iterator[str]:
    yield f"<section class='report' id='r{index}'>\n"
    if is_named:
        yield f"<h2 class='file'>{shown(PurePath(report.paths[0]).name)}</h2>\n"
    yield f"{_files(report.paths)}<dl class='facts'>{_pairs(report.facts.items())}</dl>\n"
    glance = list(at_a_glance(report.metrics))
    if glance:
        yield f"<article><h3>At a glance</h3><dl class='figures glance'>{_pairs(glance)}</dl></article>\n"
    for outcome in report.pictures:
        step(outcome.name)
        yield _card(outcome, [("", partial(_picture, outcome.result))])
    for numbers in report.streams:
        step(numbers.name)
        yield _stream(numbers)
    for outcome in report.metrics:
        step(outcome.name)
        found = [] if outcome.result is None else list(drawings.of_metric(outcome.name, outcome.result))
        yield _card(outcome, found)
    yield "</section>\n"


def _files(paths: list[str]) -> str:
    lines = "<br>".join(shown(path) for path in paths[:20])
    more = f"<br>and {len(paths) - 20} more" if len(paths) > 20 else ""
    return f"<p class='path'>{lines}{more}</p>\n"


def _card(outcome: Outcome, pictures: Iterable[tuple[str, drawings.Save]]) -> str:
    title, says = WORDS[outcome.name]
    parts = [f"<h3>{shown(title)}</h3>\n<p class='says'>{shown(says)}</p>\n"]
    if outcome.refused is not None:
        parts.append(f"<p class='refused'>Not computed: {shown(outcome.refused)}</p>\n")
    else:
        if outcome.name in FIGURES:
            found = FIGURES[outcome.name](outcome.result)
            parts.append(f"<dl class='figures'>{_pairs(found)}</dl>\n")
        drawn = [_figure(caption, f"{title}: {caption}", save) for caption, save in pictures]
        several = " several" if len(drawn) > 1 else ""
        parts.append(f"<div class='pictures{several}'>{''.join(drawn)}</div>\n")
    parts.append(_arguments(outcome))
    return f"<article id='{shown(outcome.name)}'>\n{''.join(parts)}</article>\n"


def _stream(numbers: Any) -> str:
    entries = number(len(numbers.times_sec))
    says = f"{entries} entries, of which {number(numbers.others)} hold no numbers."
    picture = _figure("", f"Data stream {numbers.name}", partial(_picture, numbers))
    return (
        f"<article>\n<h3>Data stream “{shown(numbers.name)}”</h3>\n<p class='says'>{says}</p>\n"
        f"<div class='pictures'>{picture}</div>\n</article>\n"
    )


def _picture(numbers: Any, path: Any) -> None:
    draw_axes, size = draw_numbers(numbers)

    def untitled(axes: Any) -> None:
        draw_axes(axes)
        axes.set_title("")

    drawings.saved_axes(untitled, size, path)


def _figure(caption: str, alternative: str, save: drawings.Save) -> str:
    below = f"<figcaption>{shown(caption)}</figcaption>" if caption else ""
    try:
        image = draw(save)
    except ValueError as error:
        return f"<figure class='empty'><p>{shown(str(error))}</p>{below}</figure>\n"
    return (
        f"<figure><picture><source media='(prefers-color-scheme: dark)' srcset='{image.dark}'>"
        f"<img src='{image.light}' width='{image.width}' alt='{shown(alternative)}'></picture>"
        f"{below}</figure>\n"
    )


def _arguments(outcome: Outcome) -> str:
    texts = (
        f"<b>{shown(name)}={shown(repr(value))}</b>"
        if name in outcome.changed
        else f"{shown(name)}={shown(repr(value))}"
        for name, value in outcome.arguments.items()
    )
    return f"<p class='arguments'><code>{', '.join(texts)}</code></p>\n" if outcome.arguments else ""


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{shown(name)}</dt><dd>{shown(value)}</dd></div>" for name, value in pairs)


def shown(text: str) -> str:
    """Return a text as a page shows it, whatever is in it."""
    return escape(printable(text))
