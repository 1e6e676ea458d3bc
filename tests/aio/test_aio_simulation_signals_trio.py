"""Random programs that a signal ends at a drawn point on trio, which has rules of its own for Ctrl-C.

A task is interrupted where it stands, also in the midst of the package's code; what comes while trio's own
code runs is raised at the main task's next checkpoint. Its threads and clocks are the host's, so that a seed
gives much the same run each time, and not exactly.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
import trio._core._run as trio_run
from drawn_signals import DrawnSignal
from leak_tools import open_files, threads
from random_programs import Program, Run, generate
from test_aio_simulation_signals import end_all, how_it_ends, listening, replay, unrecorded_if_failing

import cl
from cl._core.host_clock import host_ns

SIGNALS = int(os.environ.get("CL_SIGNALS_ON_TRIO", "4"))
REPLAYED = os.environ.get("CL_SIGNAL_ON_TRIO")
"""A program and a seed, as a failure has printed them."""
KINDS = ("interrupt", "two interrupts", "handler")
"""What a handler raises in the midst of trio's own code ends trio, as it says: there is none of that kind."""


class _Steps(trio.abc.Instrument):
    """Lets a signal come before each task's turn."""

    def __init__(self, drawn: DrawnSignal) -> None:
        self._drawn = drawn

    def before_task_step(self, task: Any) -> None:
        self._drawn.point()


@contextmanager
def _looks_at_the_clock(drawn: DrawnSignal) -> Iterator[None]:
    """Let a signal come where the package looks at the clock, in the midst of its code."""

    def looked() -> int:
        drawn.point()
        return host_ns()

    with pytest.MonkeyPatch.context() as patch:
        for name in ("cl._wait.tasks", "cl.loop", "cl._core.engine", "cl._core.virtual_time"):
            patch.setattr(sys.modules[name], "host_ns", looked)
        yield


def ended(program: Program, seed: int, drawn: DrawnSignal) -> tuple[Any, ...]:
    """Return how a program has ended, and what it comes to, under a schedule with a signal."""
    before, files = threads(), open_files()
    with tempfile.TemporaryDirectory(prefix="cl-signals-") as folder, drawn.arranged():
        run = Run(program, Random(seed), Path(folder), drawn.point)
        with _looks_at_the_clock(drawn), pytest.MonkeyPatch.context() as patch:
            patch.setattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
            trio_run._r.seed(seed)
            how = how_it_ends(run, lambda: trio.run(listening, run, drawn, instruments=[_Steps(drawn)]))
        assert not cl._session.opening.is_open(), "the device is open"
        for thread in threads() - before:
            thread.join(10)
            assert not thread.is_alive(), thread
        assert open_files() <= files, f"{open_files()} files after {files}"
        recorded = run.recorded() if program.fails_at is None else []
    return how, run.log, recorded


def check(number: int, seed: int) -> str:
    """Check what a signal makes of a program; return how it has ended."""
    program = unrecorded_if_failing(generate(number))
    silent = DrawnSignal()
    _, whole, all_recorded = ended(program, seed, silent)
    drawn = DrawnSignal.drawn(Random(seed), silent.passed, KINDS)
    how, log, recorded = ended(program, seed, drawn)
    for (_, _, stims, entries), (_, _, all_stims, all_entries) in zip(recorded, all_recorded, strict=False):
        assert entries == all_entries[: len(entries)]
        assert stims == all_stims[: len(stims)]
    assert how == "end" or how == ("cancelled" if drawn.kind == "handler" else "KeyboardInterrupt")
    assert how != "end" or not drawn.came or drawn.kind == "handler"
    assert log == whole[: len(log)], "what happened before is what happens without it"
    return f"{drawn.kind}: {how}"


@pytest.mark.timeout(120 + SIGNALS)
@pytest.mark.skipif(REPLAYED is not None, reason="one is replayed")
def test_a_signal_ends_any_program() -> None:
    end_all(check, SIGNALS, f"CL_SIGNAL_ON_TRIO={{}} pytest {__file__}")


@pytest.mark.skipif(REPLAYED is None, reason="CL_SIGNAL_ON_TRIO=<program>/<seed> replays one")
def test_replay() -> None:
    replay(check, REPLAYED)
