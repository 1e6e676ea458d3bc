"""The dead man's switch: stimulation ends where a program leaves its device alone, and only there."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from recording_tools import stim_rows
from steady import Unsteady, steady
from test_contract_device import KINDS, emulators

import cl
from cl import BurstDesign
from cl._core.host_clock import WallClock
from cl._core.participant import LOOP, Participant
from cl._core.shadowed import ShadowedStimulator
from cl._core.stim_watchdog import LOOKS
from cl._values.constants import NOTICE_FRAMES
from cl.error import StimulationSuspended, TransactionRejected
from cl.sim import Simulator
from cl.visualisation.server.source import LiveSource
from cl.visualisation.server.status_provider import StatusProvider

SECONDS = 0.6
FRAMES = 15_000
PATIENCE_S = 20.0
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from emulators()


@pytest.fixture(params=[*KINDS, "early device"])
def device(request: pytest.FixtureRequest, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "simulator":
        monkeypatch.setenv("CL_DEVICE", address)
    if request.param == "early device":
        monkeypatch.setattr("cl.hw.driver.link.WATCHDOG_SINCE", (9, 9))
    return str(request.param)


def until(condition: Any) -> None:
    """Wait until something is so, without a call of the device."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.01)


class Clock:
    """The wall clock of simulators, in the hands of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frame = 1_000
        monkeypatch.setattr(WallClock, "now", lambda clock: self.frame)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def watched(clock: Clock, seconds: float = SECONDS) -> Any:
    return cl.open(device=Simulator(seed=1, accelerated=False), stim_watchdog_seconds=seconds)


def watchdog_of(neurons: cl.Neurons) -> Any:
    assert neurons._watchdog is not None
    return neurons._watchdog


def test_it_fires_at_its_very_frame_however_late_it_is_found_out(clock: Clock) -> None:
    with watched(clock) as neurons:
        recording = neurons.record(include_raw_samples=False)
        neurons.stim(9, 1.0, BurstDesign(1000, 100))
        watchdog_of(neurons).check()
        clock.frame += FRAMES - 1
        watchdog_of(neurons).check()
        assert not neurons.stimulation_suspended
        clock.frame += 30_000
        watchdog_of(neurons).check()
        assert neurons.stimulation_suspended
        recording.stop()
    with recording.open() as view:
        stims = [timestamp for timestamp, _ in stim_rows(view)]
        assert view.log is not None
        (fired,) = [entry for entry in view.log.entries() if entry.kind == "watchdog"]
    start = recording.start_timestamp
    assert fired.timestamp + start == 1_000 + FRAMES
    assert stims == list(range(2, FRAMES + 2, 250))[: len(stims)] and FRAMES - 250 < stims[-1] <= FRAMES + 2
    assert len(fired.channels) == 64


def test_the_first_command_after_a_stop_is_refused(clock: Clock) -> None:
    with watched(clock) as neurons:
        watchdog_of(neurons).check()
        # Nobody could look: the process was stopped, or something kept the interpreter to itself.
        clock.frame += 5 * FRAMES
        neurons.timestamp()
        with pytest.raises(StimulationSuspended, match="resume_stimulation") as refusal:
            neurons.stim(9, 1.0)
        assert isinstance(refusal.value, TransactionRejected)
        neurons.interrupt(9)
        neurons.sync(cl.ChannelSet(9, 10))
        plan = neurons.create_stim_plan()
        plan.stim(9, 1.0)
        with pytest.raises(StimulationSuspended):
            plan.run()
        neurons.resume_stimulation()
        plan.run()
        assert not neurons.stimulation_suspended


def test_calls_and_waits_keep_it_from_firing(clock: Clock) -> None:
    with watched(clock) as neurons:
        engine, watchdog = neurons._engine, watchdog_of(neurons)
        calls = [
            neurons.timestamp,
            lambda: neurons.read(10, neurons.timestamp() - 10),
            lambda: neurons.create_data_stream(f"s{clock.frame}"),
            lambda: neurons.sync(9),
            neurons.is_recordable,
            neurons.timestamp,
        ]
        for call in calls:
            for _ in range(LOOKS - 2):
                clock.frame += FRAMES // LOOKS
                watchdog.check()
            call()
            watchdog.check()
        assert not neurons.stimulation_suspended
        # A wait of a minute, and then a thread that does not go on.
        waiter = Participant("a wait", LOOP)
        deadline = clock.frame + 1_500_000
        with engine.lock:
            engine.time.begin(waiter, deadline, lambda scheduler: (None, None))
        while clock.frame < deadline + FRAMES - 5_000:
            clock.frame += 5_000
            watchdog.check()
            assert not neurons.stimulation_suspended
        clock.frame = deadline + FRAMES
        watchdog.check()
        assert neurons.stimulation_suspended


@steady(0.8 * SECONDS)
def test_it_fires_and_stimulation_goes_on(device: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    with cl.open(stim_watchdog_seconds=SECONDS) as neurons:
        recording = neurons.record(include_raw_samples=False)
        for _ in neurons.loop(1.25, stop_after_ticks=1, ignore_jitter=True):
            pass
        neurons.read(17_000)
        assert not neurons.stimulation_suspended
        neurons.stim(9, 1.0, BurstDesign(10_000, 100))
        before = neurons.timestamp()
        page = LiveSource(neurons._engine, StatusProvider())
        assert page.status()["suspended"] is False
        until(lambda: neurons.stimulation_suspended)
        assert page.status()["suspended"] is True
        with pytest.raises(StimulationSuspended):
            neurons.stim(9, 1.0)
        neurons.interrupt(9)
        neurons.resume_stimulation()
        assert not neurons.stimulation_suspended
        neurons.stim(10, 1.0)
        neurons.read(1_000)
        assert not neurons.stimulation_suspended
        recording.stop()
        until(lambda: len([r for r in caplog.records if "resume_stimulation" in r.getMessage()]) == 1)
    with recording.open() as view:
        assert view.log is not None
        log = list(view.log.entries())
        stims = stim_rows(view)
    fired, resumed = [entry for entry in log if entry.kind == "watchdog"]
    after = fired.timestamp + recording.start_timestamp - before
    assert after > 0.9 * FRAMES
    assert max(t for t, channel in stims if channel == 9) <= fired.timestamp + NOTICE_FRAMES
    [(at, channel)] = [stim for stim in stims if stim[1] != 9]
    assert channel == 10 and at > resumed.timestamp
    assert [entry.refused for entry in log if entry.kind == "refusal"] == [True]
    assert {record.levelno for record in caplog.records if record.name == "cl"} == {logging.WARNING}


@pytest.mark.parametrize(
    ("by", "present", "fired"),
    [
        (1_000 + NOTICE_FRAMES, 950, 1_000),
        (1_000 + NOTICE_FRAMES, 5_000, 1_000),
        (900, 900, 900),  # Its time stands still.
    ],
)
def test_when_it_fired_is_what_a_device_elsewhere_says(by: int, present: int, fired: int) -> None:
    """The present is an estimate there, which may be behind, or far on by the time of the answer."""

    class Elsewhere(ShadowedStimulator):
        def interrupt_all(self) -> int:
            return by

    engine: Any = SimpleNamespace(position=900, now=lambda: present)
    assert Elsewhere(engine).halt(0) == fired


@pytest.mark.anyio
@steady(0.2)
async def test_an_async_program_is_at_work_while_its_event_loop_turns(anyio_backend: Any) -> None:
    simulator = Simulator(seed=1, accelerated=False)
    async with cl.aopen(device=simulator, stim_watchdog_seconds=0.5) as neurons:
        due = time.monotonic() + 0.8
        await anyio.sleep(0.7)
        await neurons.asleep(0.1)
        if neurons.stimulation_suspended and time.monotonic() > due + 0.2:
            raise Unsteady  # The event loop's thread was not let run.
        assert not neurons.stimulation_suspended
        until(lambda: neurons.stimulation_suspended)  # which blocks the loop


_STOPPED = """
import cl
with cl.open(stim_watchdog_seconds=0.4) as neurons:
    while True:
        try:
            neurons.stim(9, 1.0, cl.BurstDesign(100_000, 100))
            break
        except cl.error.StimulationSuspended:  # it stood still before
            neurons.resume_stimulation()
    print("ready", flush=True)
    try:
        for tick in neurons.loop(100, ignore_jitter=True):
            neurons.stim(10, 1.0)
    except cl.error.StimulationSuspended:
        print("refused", flush=True)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_was_stopped(kind: str, address: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path]),
        "CL_SDK_VISUALISATION": "0",
        **({"CL_DEVICE": address} if kind == "emulator" else {}),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _STOPPED], env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None and program.stdout.readline() == "ready\n"
            program.send_signal(signal.SIGSTOP)
            if kind == "emulator":
                with cl.open(take_control=False, device=address) as reader:
                    reader.read(20_000)
                    assert reader.read(10_000, analysis=True).stims == []
            else:
                time.sleep(1)
            program.send_signal(signal.SIGCONT)
            assert program.stdout.readline() == "refused\n"
            assert program.wait(PATIENCE_S) == 0
        finally:
            program.kill()


def test_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (0.05, 100_000, float("nan")):
        with pytest.raises(ValueError, match="stim_watchdog_seconds must be from 0.1 to 86400"):
            cl.open(stim_watchdog_seconds=wrong)
    with pytest.raises(TypeError, match="stim_watchdog_seconds"):
        cl.aopen(stim_watchdog_seconds="5")  # type: ignore[arg-type]
    monkeypatch.setenv("CL_STIM_WATCHDOG_SECONDS", "soon")
    with pytest.raises(ValueError, match="CL_STIM_WATCHDOG_SECONDS='soon': it takes 0, or a number from 0.1"):
        cl.open().__enter__()
    monkeypatch.setenv("CL_STIM_WATCHDOG_SECONDS", "7")
    with cl.open() as neurons:
        assert watchdog_of(neurons).seconds == 7
        with pytest.raises(RuntimeError, match="stim_watchdog_seconds=8: the device is open already, with 7"):
            cl.open(stim_watchdog_seconds=8).__enter__()
        with cl.open(stim_watchdog_seconds=7) as same:
            assert same is neurons
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with cl.open() as neurons:
        neurons.read(1_000_000, analysis=True)
        assert not neurons.stimulation_suspended
        neurons.resume_stimulation()
