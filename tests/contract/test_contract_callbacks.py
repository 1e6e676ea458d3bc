"""Code that runs in the midst of the device's own, in the same thread, never waits for itself."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest
from interrupting import Calling, moments
from test_contract_interruptions import Echo

import cl
from cl.sim import Simulator

SOME = 1
"""Moments of each method of the device at which each call is tried; with CL_EXPLORE, all moments have one."""


_numbers = count()
CONSEQUENCES = ("stopped", "come after", "set a flag", "stop")
"""Words of errors that say what somebody else has done meanwhile."""


class Program:
    """A device and what a program has of it."""

    def __init__(self, neurons: cl.Neurons, device: Simulator | None = None) -> None:
        self.neurons = neurons
        self.device = device
        self.recording = neurons.record(file_suffix="outer", include_raw_samples=False)
        self.stream = neurons.create_data_stream(f"notes {next(_numbers)}")
        self.plan = neurons.create_stim_plan()
        self.plan.stim(30, 1.0)
        self._number = 0

    def renew(self) -> None:
        """Record again if that was ended."""
        if self.recording.has_stopped():
            self.recording = self.neurons.record(file_suffix="outer", include_raw_samples=False)

    def loop(self) -> None:
        for _ in self.neurons.loop(1_000, stop_after_ticks=2):
            pass

    def read(self) -> None:
        self.neurons.read(20)

    def stim(self) -> None:
        self._number += 1
        self.neurons.stim(8 + self._number % 48, 0.5)

    def append(self) -> None:
        self._number += 1
        self.stream.append(self.neurons.timestamp() + self._number, "an entry")

    def record(self) -> None:
        self.neurons.record(include_raw_samples=False, file_suffix="inner").stop()

    def stop(self) -> None:
        self.recording.stop()

    def run_plan(self) -> None:
        self.plan.run()

    def interrupt(self) -> None:
        self.neurons.interrupt(9)

    def hold(self) -> None:
        with self.neurons.hold():
            pass

    def attributes(self) -> None:
        self.stream.set_attribute("a", 1)
        self.recording.set_attribute("a", 1)

    def look(self) -> None:
        neurons = self.neurons
        neurons.timestamp()
        neurons.has_control()
        neurons.is_readable()
        neurons.read(10, self.recording.start_timestamp)
        self.recording.has_stopped()
        assert neurons.loop(100).statistics().count == 0

    def open_again(self) -> None:
        with cl.open(device=self.device) as neurons:
            assert neurons is self.neurons
        with cl.open(device=self.device, take_control=False):
            pass

    def open_another(self) -> None:
        with cl.open(device=Simulator(seed=8, accelerated=True)) as neurons:
            neurons.read(10)

    def create_and_close_stream(self) -> None:
        self._number += 1
        with self.neurons.create_data_stream(f"another {next(_numbers)}") as stream:
            stream.append(self.neurons.timestamp(), 1)

    def control(self) -> None:
        self.neurons.release_control()
        self.neurons.take_control()

    def preview(self) -> None:
        plan = self.neurons.create_stim_plan()
        plan.stim(31, 1.0)
        plan.preview()

    def sleep(self) -> None:
        asyncio.run(self.neurons.asleep(0.001))

    def stop_device(self) -> None:
        self.neurons.stop()
        self.neurons.start()


INTERRUPTED: list[Callable[[Program], None]] = [
    Program.loop,
    Program.read,
    Program.stim,
    Program.append,
    Program.record,
]
CALLS: list[Callable[[Program], None]] = [
    *INTERRUPTED,
    Program.stop,
    Program.run_plan,
    Program.interrupt,
    Program.hold,
    Program.attributes,
    Program.look,
    Program.open_again,
    Program.open_another,
    Program.create_and_close_stream,
    Program.control,
    Program.preview,
    Program.stop_device,
]


@contextmanager
def ends(seconds: float = 20.0) -> Iterator[None]:
    """Raise where the block does not come to its end: something waits for itself."""

    def out(*_: object) -> None:
        raise AssertionError(f"it hangs: {seconds:g} s were not enough")

    before = signal.signal(signal.SIGALRM, out)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def served_or_refused(call: Callable[[Program], None], program: Program) -> bool:
    """Call it, and return whether it was served."""
    try:
        call(program)
    except RuntimeError as error:
        refused = str(error)
        assert any(text in refused for text in ("set a flag", "stopped", "would never end")), refused
        return False
    return True


def error_of(call: Callable[[Program], None], program: Program) -> str:
    """Call it, and return what its RuntimeError says, if it raises one."""
    try:
        call(program)
    except RuntimeError as error:
        return str(error)
    return ""


def inline() -> Echo:
    return Echo(read_timeout_seconds=None)


@pytest.mark.parametrize("accelerated", [True, False], ids=["accelerated", "wall clock"])
@pytest.mark.parametrize("source", [inline, Echo], ids=["inline", "with a thread"])
def test_a_wait_while_this_thread_asks_the_source_is_refused_at_every_line(
    source: Any, accelerated: bool
) -> None:
    """Also between taking the turn and saying whose it is."""
    asking = "_wait/source_pump.py"
    with ends(60), cl.open(device=Simulator(source=source, seed=7, accelerated=accelerated)) as neurons:
        program = Program(neurons)
        watched = Calling(0, lambda: None, asking)
        with watched.watching():
            program.read()
        for moment in range(1, watched.count + 1):
            calling = Calling(moment, partial(served_or_refused, Program.record, program), asking)
            with ends(10), calling.watching():
                program.read()
    assert watched.count > 10


@pytest.mark.parametrize("accelerated", [True, False], ids=["accelerated", "wall clock"])
@pytest.mark.parametrize("source", [None, inline, Echo], ids=["random", "inline", "with a thread"])
def test_every_method_can_be_called_while_any_other_is_interrupted(source: Any, accelerated: bool) -> None:
    tried = served = 0
    device = Simulator(source=source, seed=7, accelerated=accelerated)
    with ends(120), cl.open(device=device) as neurons:
        program = Program(neurons, device)
        for interrupted in INTERRUPTED:
            watched = Calling(0, lambda: None)
            with watched.watching():
                interrupted(program)
            for number, moment in enumerate(moments(watched.count, SOME * len(CALLS))):
                call = partial(served_or_refused, CALLS[number % len(CALLS)], program)
                calling = Calling(moment, call)
                with ends(10), calling.watching():
                    told = error_of(interrupted, program)
                # What the call has brought about is so for the one who was interrupted, too.
                assert told == "" or any(text in told for text in CONSEQUENCES), (calling.place, told)
                tried += 1
                served += calling.result is True
                program.renew()
        program.loop()
        program.stim()
        neurons.read(100)
    print(f"{served} of {tried} calls were served")
    assert tried >= 5 * SOME * len(CALLS) // 2
    assert tried / 4 < served <= tried


@contextmanager
def on_logging(function: Callable[[], object]) -> Iterator[None]:
    """Call a function whenever the package logs something."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            function()

    handler, logger = Handler(), logging.getLogger("cl")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_log_handler_may_use_the_device() -> None:
    device = Simulator(seed=7, accelerated=True)
    with ends(), cl.open(device=device) as neurons:
        program = Program(neurons, device)
        results = []

        def use() -> None:
            for call in CALLS:
                program.renew()
                results.append(served_or_refused(call, program))

        with on_logging(use):
            logging.getLogger("cl").warning("something")
        assert results == [True] * len(CALLS)


def test_a_task_in_the_midst_of_a_wait_in_the_same_thread_does_not_wait_for_that() -> None:
    with ends(60), cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        program = Program(neurons)
        looked = Calling(0, lambda: None, "_wait/threads.py")
        with looked.watching():
            program.read()
        results = []
        for moment in moments(looked.count, 40):
            calling = Calling(moment, partial(served_or_refused, Program.sleep, program), "_wait/threads.py")
            with ends(10), calling.watching():
                program.read()
            results.append(calling.result)
    # A read beside busy threads may have fewer lines than the one before: some moments do not come.
    assert {*results} - {None} == {True, False}


def test_what_shows_warnings_may_use_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Simulator(seed=7, accelerated=True)
    results = []
    with ends(), cl.open(device=device) as neurons, warnings.catch_warnings():
        program = Program(neurons, device)

        def show(*_: object) -> None:
            for call in CALLS:
                program.renew()
                results.append(served_or_refused(call, program))

        monkeypatch.setattr(warnings, "showwarning", show)
        warnings.simplefilter("always")
        warnings.warn("something", UserWarning, stacklevel=1)
    assert results == [True] * len(CALLS)


@pytest.mark.parametrize("call", [Program.open_again, Program.open_another, Program.record])
def test_a_device_may_be_used_while_another_open_of_it_is_interrupted(
    call: Callable[[Program], None],
) -> None:
    device = Simulator(seed=7, accelerated=True)
    with ends(60), cl.open(device=device) as neurons:
        program = Program(neurons, device)
        looked = Calling(0, lambda: None, "_session/")
        with looked.watching():
            program.open_again()
        results = []
        for moment in moments(looked.count, 40):
            calling = Calling(moment, partial(served_or_refused, call, program), "_session/")
            with calling.watching():
                program.open_again()
            results.append(calling.result)
        program.stim()
    assert True in results


class Dropped:
    """Calls a function when it is let go."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __del__(self) -> None:
        self._function()


@pytest.mark.parametrize("weakly", [False, True], ids=["destructor", "weak reference"])
def test_what_the_collector_calls_may_use_the_device(weakly: bool) -> None:
    results: list[bool] = []
    with ends(60), cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        program = Program(neurons)
        watched = Calling(0, lambda: None)
        with watched.watching():
            program.loop()

        def use() -> None:
            results.append(served_or_refused(Program.read, program))
            results.append(served_or_refused(Program.stim, program))

        def collect() -> None:
            dropped = Dropped((lambda: None) if weakly else use)
            reference = weakref.ref(dropped, lambda _: use()) if weakly else None
            cycle: list[Any] = [dropped]
            cycle.append(cycle)
            del dropped, cycle
            gc.collect()
            del reference

        for moment in moments(watched.count, 20):
            with Calling(moment, collect).watching():
                program.loop()
        neurons.read(100)
    assert len(results) >= 20 and True in results


def test_a_signal_handler_can_stop_a_recording_in_the_midst_of_a_loop() -> None:
    stopped: list[bool] = []
    with ends(60), cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        for _ in range(20):
            program = Program(neurons)

            def handle(*_: object, program: Program = program) -> None:
                stopped.append(served_or_refused(Program.stop, program))

            before = signal.signal(signal.SIGTERM, handle)
            known = len(stopped)
            threading.Timer(0.004, signal.raise_signal, (signal.SIGTERM,)).start()
            try:
                for _ in neurons.loop(1_000):
                    if len(stopped) > known:
                        break
            finally:
                signal.signal(signal.SIGTERM, before)
            if not stopped[-1]:
                program.stop()
            assert program.recording.has_stopped()
    assert len(stopped) == 20
