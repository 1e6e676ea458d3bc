"""`python -m cl analyse FILE [FILE…]`: what recordings say, as text, as JSON, or as a page."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cl._values.progress import Progress
    from cl.analysis.report.computing import Report
    from cl.analysis.report.settings import Settings

SUMMARY = "Compute what recordings say: rates, bursts, criticality, connectivity and more."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "Metrics: firing_stats, network_bursts, criticality, information_entropy, lempel_ziv_complexity, "
        "dct_features, spike_triggered_histogram, functional_connectivity. Settings are those of "
        "RecordingView.analyse_*, and of the page's pictures: --set network_bursts.onset_freq_hz=4 "
        "--set psth.blank_sec=0.002. Needs the extra cl-aio[analysis]."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings, HDF5 files")
    parser.add_argument(
        "--metric", metavar="M", action="append", default=[], help="these only, by commas or repeated"
    )
    parser.add_argument(
        "--set", metavar="METRIC.NAME=VALUE", action="append", default=[], help="an argument of a metric"
    )
    parser.add_argument("--join", action="store_true", help="take the files as one, in order of time")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write everything as JSON to stdout")
    form.add_argument("--html", metavar="OUT", help="write a page with plots there, one file")


def run(options: argparse.Namespace) -> int:
    """Analyse the files; 1 if a metric could not be computed of one."""
    import json

    from cl._values.progress import Progress
    from cl.analysis.report import plain
    from cl.analysis.report.settings import Settings

    settings = Settings(options.metric, options.set)
    if options.html:
        _need_matplotlib()
    groups = [options.files] if options.join else [[path] for path in options.files]
    parts = len(settings.metrics)
    if options.html:
        parts = 2 * (parts + len(settings.pictures)) + settings.all
    with Progress("analysing", len(groups) * parts) as progress:
        reports = [_report(paths, settings, options, progress) for paths in groups]
        if options.html:
            _write_page(options.html, reports, progress)
    if options.json:
        print(json.dumps([plain.as_data(report) for report in reports], indent=2))
    elif options.html:
        print(f"{options.html} has the analysis of {plain.printable(', '.join(options.files))}")
    else:
        print("\n\n".join(plain.as_text(report) for report in reports))
    return int(any(outcome.refused is not None for report in reports for outcome in report.metrics))


def _need_matplotlib() -> None:
    """Have matplotlib draw into files only; ImportError that names the extra, before anything is computed."""
    from cl.analysis.optional import missing

    try:
        import matplotlib
    except ImportError as error:
        raise missing("matplotlib") from error
    matplotlib.use("agg")


def _opened(paths: list[str], progress: Progress) -> Iterator[str]:
    """Yield the paths, and say which is being opened."""
    for path in paths:
        progress.step(0, f"opening {path}")
        yield path


def _report(paths: list[str], settings: Settings, options: argparse.Namespace, progress: Progress) -> Report:
    from cl._store.read.view import RecordingView
    from cl.analysis import open_many
    from cl.analysis.report.computing import Report, compute
    from cl.analysis.report.facts import facts

    with ExitStack() as stack:
        view: Any = stack.enter_context(
            open_many(_opened(paths, progress)) if options.join else RecordingView(paths[0])
        )
        report = Report(view.paths if options.join else paths, facts(view))
        compute(view, report, settings, options.html is not None, lambda name: progress.step(1, name))
    return report


def _write_page(out: str, reports: list[Report], progress: Progress) -> None:
    """Write the page beside its place, and put it there when it is whole."""
    import os
    from pathlib import Path

    from cl.analysis.report.page import as_page

    text = as_page(reports, lambda name: progress.step(1, f"drawing {name}"))
    part = Path(f"{out}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace")
        os.replace(part, out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
