"""A report as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .figures import FIGURES
from .words import WORDS

if TYPE_CHECKING:
    from .computing import Outcome, Report


def as_text(report: Report) -> str:
    """Return the figures that a person reads first, by metric."""
    return "\n".join(_lines(report)).replace("\u202f", " ")


def _lines(report: Report) -> Iterator[str]:
    yield ", ".join(printable(path) for path in report.paths)
    for name, value in report.facts.items():
        yield f"  {name:<36}{printable(value)}"
    for outcome in report.metrics:
        arguments = ", ".join(f"{name}={value}" for name, value in outcome.arguments.items())
        yield f"\n{WORDS[outcome.name][0]}  ({arguments})"
        if outcome.refused is not None:
            yield f"  not computed: {printable(outcome.refused)}"
        else:
            for name, value in FIGURES[outcome.name](outcome.result):
                yield f"  {name:<36}{value}"


def as_data(report: Report) -> dict[str, Any]:
    """Return what JSON holds: paths, facts, and each metric's arguments and result, or why it has none."""
    return {
        "files": report.paths,
        "facts": report.facts,
        "metrics": {outcome.name: _metric(outcome) for outcome in report.metrics},
    }


def _metric(outcome: Outcome) -> dict[str, Any]:
    if outcome.refused is not None:
        return {"arguments": outcome.arguments, "refused": outcome.refused}
    return {"arguments": outcome.arguments, "result": json.loads(outcome.result.model_dump_json())}


def printable(text: str) -> str:
    """Return a text of which no letter moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() or letter == "\u202f" else "?" for letter in text)
