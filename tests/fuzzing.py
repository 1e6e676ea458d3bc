"""Programs that are interrupted at random instants, and what has to be right then."""

from __future__ import annotations

import gc
import random
import threading
import time
from pathlib import Path

from interrupting import EXPLORES, alarms

import cl
from cl.sim import Simulator

STIMS = 5
ROUNDS = 1_000 if EXPLORES else 12
"""Short in every run; CL_EXPLORE=1 has the long form."""


def program(device: Simulator | str) -> Path:
    """Do some of everything; return the recording."""
    with cl.open(device=device) as neurons:
        recording = neurons.record(file_suffix="fuzz")
        stream = neurons.create_data_stream("notes")
        for tick in neurons.loop(1_000, stop_after_ticks=STIMS, ignore_jitter=True):
            neurons.stim(8 + tick.iteration, 1.0)
            stream.append(tick.iteration_timestamp, tick.iteration)
        plan = neurons.create_stim_plan()
        plan.stim(20, 1.0)
        plan.run()
        neurons.read(100, analysis=True)
        recording.stop()
    return Path(recording.file["path"])


def check_whole(path: Path) -> None:
    with cl.RecordingView(path) as view:
        assert view.stims is not None and view.samples is not None
        channels = sorted(int(row["channel"]) for row in view.stims)
        assert channels == [*range(8, 8 + STIMS), 20]
        assert len([*view.data_streams["notes"].keys()]) == STIMS


def check_nothing_left(threads: set[threading.Thread]) -> None:
    """Check what a program that was interrupted may not leave behind."""
    assert not cl._session.opening.is_open(), "a device is open"
    assert not cl._current.devices._places, "a device is remembered"
    for thread in {*threading.enumerate()} - threads:
        assert _ends(thread), f"{thread} goes on"
    assert gc.isenabled(), "the garbage collector rests"
    for path in Path().glob("*.h5"):
        with cl.RecordingView(path):
            pass
        path.unlink()


def _ends(thread: threading.Thread) -> bool:
    """Return whether a thread comes to its end: it may have been interrupted while it was started."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if thread.ident is not None:
            thread.join(1)
            if not thread.is_alive():
                return True
        elif time.monotonic() > until - 19:
            return True  # It never was, and Python has it among those to be started for good.
        time.sleep(0.001)
    return False


def interrupt_at_random(device: Simulator | str, seed: int, rounds: int = ROUNDS) -> int:
    """Interrupt the program so many times; return how often that was while it ran."""
    check_whole(program(device))
    begin = time.monotonic()
    program(device).unlink()
    longest = 1.1 * (time.monotonic() - begin)
    threads, chance, interrupted = {*threading.enumerate()}, random.Random(seed), 0
    with alarms(KeyboardInterrupt) as after:
        for number in range(rounds):
            try:
                after(chance.uniform(1e-5, longest))
                program(device)
                after(0)
            except KeyboardInterrupt:
                interrupted += 1
            after(0)
            check_nothing_left(threads)
            if number % 10 == 9:
                check_whole(program(device))
    return interrupted
