"""What checks have found, and the error that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MARKS: Final = {"kept": "ok    ", "broken": "BROKEN", "skipped": "skip  "}


class Finding(NamedTuple):
    """What became of one check: `state` is "kept", "broken" or "skipped"."""

    check: str
    promise: str
    state: str
    text: str


@dataclass
class CheckReport:
    """What was checked, in order. `str` of it is a table that names what is broken."""

    subject: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """The names of the checks that failed."""
        return [finding.check for finding in self.findings if finding.state == "broken"]

    @property
    def kept(self) -> list[str]:
        """The names of the checks that passed."""
        return [finding.check for finding in self.findings if finding.state == "kept"]

    def __str__(self) -> str:
        counts = f"{len(self.kept)} of {len(self.findings)} checks passed"
        lines = [f"{self.subject}: {counts}, {len(self.broken)} broken"]
        for check, promise, state, text in self.findings:
            lines.append(f"  {_MARKS[state]} {check}: {promise}{f' -- {text}' if text else ''}")
        return "\n".join(lines)


class CheckFailedError(AssertionError):
    """A promise is broken; the text is the report, which is `report` as well."""

    def __init__(self, report: CheckReport) -> None:
        super().__init__(str(report))
        self.report = report


class BrokenPromise(Exception):
    """What a check has found wrong."""


class NotApplicable(Exception):
    """Why a check says nothing here."""


def demand(holds: bool, text: str) -> None:
    """Raise BrokenPromise unless something holds."""
    if not holds:
        raise BrokenPromise(text)


class Checks:
    """Runs checks one after the other, each whatever became of those before."""

    def __init__(self, subject: str) -> None:
        self.report = CheckReport(subject)

    def run(self, check: str, promise: str, function: Callable[[], object]) -> bool:
        """Note what becomes of a check; return whether it passed."""
        state, text = "kept", ""
        try:
            function()
        except NotApplicable as why:
            state, text = "skipped", str(why)
        except BrokenPromise as found:
            state, text = "broken", str(found)
        except Exception as error:
            state, text = "broken", f"{type(error).__name__}: {error}"
        self.report.findings.append(Finding(check, promise, state, text))
        return state == "kept"

    def done(self) -> CheckReport:
        """Return the report; CheckFailedError where something is broken."""
        if self.report.broken:
            raise CheckFailedError(self.report)
        return self.report
