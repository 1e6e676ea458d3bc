"""`python -m cl.app.run TARGET CONFIG.json… [OUTPUT_DIR]`: run an application with configurations."""

from __future__ import annotations

import argparse
import json
import logging
import math
import signal
import sys
import traceback
from collections import UserDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any, Final, NoReturn

from cl._values.paths import absolute
from cl._values.printing import printable, settle_stdout
from cl._values.saying import say

from .base import BaseApplication
from .loading import application_of, free_name, import_source
from .progress import RunProgress
from .project import Project, ProjectError, read_configuration, refusals
from .targets import find_configuration, find_project
from .time_limit import STATUS, TimeLimit
from .validation import validated

_SUFFIX: Final = ".json"


@dataclass(frozen=True)
class Run:
    """A run to be: the configuration's file, what it holds, and where the results go."""

    file: Path
    data: dict[str, Any]
    output: Path


class _Options(argparse.Namespace):
    target: str
    files: list[str]
    output: str | None
    report: str | None
    debug: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return 0, 1 for an error, 124 for a run that timed out; SystemExit(2) for bad usage."""
    options = _parse(arguments)
    if options.debug:
        logging.basicConfig(level=logging.DEBUG)
    try:
        return _run_all(options)
    except ProjectError as error:
        sys.stdout.flush()
        say(f"Error: {error}")
        return 1
    except Exception:
        sys.stdout.flush()
        traceback.print_exc()
        return 1


def _parse(arguments: Sequence[str] | None) -> _Options:
    parser = argparse.ArgumentParser(prog="python -m cl.app.run", description="Run an application.")
    parser.add_argument("target", metavar="TARGET", help="the application's folder, or a bundled one's name")
    parser.add_argument(
        "files",
        metavar="CONFIG.json",
        nargs="+",
        help="configurations, run one after the other; a last one without .json is OUTPUT_DIR",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="where results go (default: the working directory); each of several configurations has a "
        "folder there, named after its file",
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="a file that gets lines of JSON: the seconds that a run is estimated to take, and its summary; "
        "SIGTERM then ends the run as an exception does",
    )
    parser.add_argument("--debug", action="store_true", help="log everything")
    options = parser.parse_args(arguments, _Options())
    if len(options.files) > 1 and not options.files[-1].endswith(_SUFFIX):
        if options.output is not None:
            parser.error(
                f"there are two output directories: {options.files[-1]} and --output {options.output}"
            )
        options.output = options.files.pop()
    return options


def _run_all(options: _Options) -> int:
    project = find_project(options.target)
    runs = _runs(project, options)
    if not project.entry.is_file():
        raise ProjectError(f"{printable(str(project.entry))} does not exist")
    application = application_of(import_source(project, free_name(project)))
    configurations = [_validated(application, run) for run in runs]
    _serve_page(project)
    report = _Report(options.report)
    if options.report is not None:
        signal.signal(signal.SIGTERM, _terminate)
    for run, configuration in zip(runs, configurations, strict=True):
        status = _run(project, application, run, configuration, report)
        if status:
            return status
    return 0


def _runs(project: Project, options: _Options) -> list[Run]:
    """Return what is to be run; each of several configurations has a folder named after its file."""
    files = [find_configuration(project, file) for file in options.files]
    output = absolute(options.output or ".")
    stems = [file.stem for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ProjectError(
            f"two configurations are files named {printable(twice)}: their results would be mixed"
        )
    several = len(files) > 1
    return [Run(file, read_configuration(file), output / file.stem if several else output) for file in files]


def _validated(application: BaseApplication[Any], run: Run) -> Any:
    from pydantic import ValidationError

    try:
        return validated(application, run.data)
    except ValidationError as error:
        lines = "".join(f"\n  {line}" for line in refusals(error))
        raise ProjectError(f"{printable(str(run.file))} is no valid configuration:{lines}") from None


def _serve_page(project: Project) -> None:
    if not project.web.is_dir():
        return
    from .page import serve_page

    url = serve_page(project)
    if url is not None:
        print(f"Data visualiser: {url}\nApplication visualiser: {url}/app", flush=True)


def _terminate(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


class _Report:
    """A file for the program that has started this one."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else absolute(path)

    def tell(self, key: str, value: object) -> None:
        """Add a line, with what JSON cannot hold as text."""
        if self._path is None:
            return
        try:
            line = json.dumps({key: value}, default=str, skipkeys=True)
        except (ValueError, RecursionError):  # it holds itself
            line = json.dumps({key: repr(value)})
        with self._path.open("a") as file:
            file.write(f"{line}\n")


def _estimate(configuration: Any) -> float | None:
    """Return how many seconds a run is said to take; None where nothing is, or what is no such number.

    An estimate that fails ends no run, which does not need it.
    """
    if not hasattr(configuration, "estimate_duration_s"):
        return None
    try:
        found = configuration.estimate_duration_s()
        estimate = None if found is None else float(found)
    except Exception as error:
        what = printable(f"{type(error).__name__}: {error}")
        say(f"Warning: estimate_duration_s() has failed, no progress is shown: {what}")
        return None
    return estimate if estimate is not None and 0 < estimate < math.inf else None


def _run(
    project: Project, application: BaseApplication[Any], run: Run, configuration: Any, report: _Report
) -> int:
    folder, file = printable(str(project.folder)), printable(str(run.file))
    print(f"Running application in {folder} with configuration {file}", flush=True)
    try:
        run.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(f"the output directory cannot be made: {printable(str(error))}") from None
    limit = TimeLimit(getattr(configuration, "timeout_s", 0))
    estimate = _estimate(configuration)
    report.tell("estimate_s", estimate)
    try:
        with limit, RunProgress(run.file.stem, estimate):
            summary = application.run(config=configuration, output_directory=str(run.output))
    except Exception:
        if not limit.expired:
            raise
        traceback.print_exc()
        say(f"Error: the run was stopped at its timeout of {configuration.timeout_s} s")
        return STATUS
    if summary is not None:
        shown = dict(summary) if isinstance(summary, UserDict) else summary
        report.tell("summary", shown)
        print(f"Application RunSummary output:\n{pformat(shown)}")
    print("Application run completed successfully", flush=True)
    return 0


if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())
