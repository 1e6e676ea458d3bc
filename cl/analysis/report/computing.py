"""Computing what a report holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .settings import Settings, method

if TYPE_CHECKING:
    from cl._store.read.analysable import Analysable


@dataclass
class Outcome:
    """A metric or a picture: its arguments, and its result, or why there is none."""

    name: str
    arguments: dict[str, Any]
    changed: set[str]
    """The arguments that were set."""
    result: Any = None
    refused: str | None = None


@dataclass
class Report:
    """What was computed of a recording, or of several that follow one another."""

    paths: list[str]
    facts: dict[str, str]
    metrics: list[Outcome] = field(default_factory=list)
    pictures: list[Outcome] = field(default_factory=list)
    streams: list[Any] = field(default_factory=list)


def compute(
    view: Analysable,
    report: Report,
    settings: Settings,
    with_pictures: bool,
    step: Callable[[str], None] = lambda name: None,
) -> None:
    """Compute what the settings say of an open view; `step` is called with each name before it is computed.

    What is refused for the recording's sake is noted with its reason. What is refused although, or since, its
    arguments were set is a ValueError; such are tried first, so that nothing is computed in vain.
    """
    names = [*settings.metrics, *(settings.pictures if with_pictures else ())]
    found: dict[str, Outcome] = {}
    for name in sorted(names, key=lambda name: name not in settings.changed):
        step(name)
        found[name] = _outcome(view, name, settings)
    report.metrics = [found[name] for name in settings.metrics]
    if with_pictures:
        report.pictures = [found[name] for name in settings.pictures]
        if settings.all:
            step("data streams")
            report.streams = list(_streams(view))


def _outcome(view: Analysable, name: str, settings: Settings) -> Outcome:
    arguments, changed = settings.arguments(name), set(settings.changed.get(name, ()))
    outcome = Outcome(name, arguments, changed)
    try:
        outcome.result = getattr(view, method(name))(**arguments)
    except (ValueError, TypeError) as error:
        if changed:
            raise ValueError(f"{name}: {error}") from error
        outcome.refused = str(error)
    return outcome


def _streams(view: Any) -> Iterator[Any]:
    names = {name for _, recording in view.recordings() for name in recording.data_streams or {}}
    for name in sorted(names):
        try:
            numbers = view.data_stream(name)
        except ValueError:  # of too many series, or damaged: a page is no place to look into it
            continue
        if numbers.values:
            yield numbers
