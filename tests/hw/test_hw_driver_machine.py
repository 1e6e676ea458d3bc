"""The driver against an emulator with faults: a table of what is open, recorded, lost and asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hw_tools import A_TURN, PatientEmulator
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machines import TIMEOUT, Machine
from test_hw_every_fault import ENDS, REFUSALS, check_recording

import cl
import cl._session.opening
from cl.error import DeviceDisconnectedError, LaggedError
from cl.hw.driver.report import report
from cl.hw.driver.session import TIMEOUT as ANSWER_S
from cl.hw.emulator import EmulatorProcess


class Driver(Machine):
    """One program at a time; the device lasts over several of them, until it is broken."""

    emulator: ClassVar[EmulatorProcess | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.open: Any = None
        self.neurons: cl.Neurons | None = None
        self.recording: cl.Recording | None = None
        self.entries = 0
        self.stream: cl.DataStream | None = None
        self.dropped = 0
        self._plug_in()

    def _plug_in(self) -> None:
        if Driver.emulator is None:
            Driver.emulator = PatientEmulator("--source", "counter").__enter__()
        self.device: EmulatorProcess = Driver.emulator
        self.dead: str | None = None

    is_open = precondition(lambda self: self.neurons is not None)
    lives = precondition(lambda self: self.neurons is not None and self.dead is None)

    @precondition(lambda self: self.neurons is None)
    @rule()
    def enter(self) -> None:
        if self.dead is not None:
            unplug()
            self._plug_in()
        self.open = cl.open(device=self.device.address)
        self.neurons = self.open.__enter__()
        self.stream = self.neurons.create_data_stream("ticks")
        self.entries = 0
        self.count("opens")

    @is_open
    @rule()
    def leave(self) -> None:
        self.open.__exit__(None, None, None)
        self.neurons = None
        assert not cl._session.opening.is_open()
        if self.recording is not None:
            self._check()
        self.count("left dead" if self.dead else "left")

    def _check(self) -> None:
        assert self.recording is not None
        lost = check_recording(self.recording, self.entries)
        if self.dead is None:
            assert lost == report(self.device.address).frames_dropped - self.dropped
        self.recording = None
        self.count("recordings")
        type(self).counts["frames lost"] += lost

    @lives
    @precondition(lambda self: self.recording is None)
    @rule()
    def record(self) -> None:
        assert self.neurons is not None and self.stream is not None
        self.dropped = report(self.device.address).frames_dropped
        self.recording = self.neurons.record()
        self.entries += 1
        self.stream.append(self.neurons.timestamp(), self.entries)

    @lives
    @precondition(lambda self: self.recording is not None)
    @rule()
    def stop(self) -> None:
        assert self.recording is not None
        self.recording.stop()
        self._check()
        self.entries = 0
        assert self.stream is not None and self.neurons is not None
        self.stream.close()
        self.stream = self.neurons.create_data_stream("ticks")

    @lives
    @rule(channel=st.integers(8, 55))
    def stim(self, channel: int) -> None:
        assert self.neurons is not None
        self.neurons.interrupt(channel)
        at = self.neurons.timestamp()
        self.neurons.stim(channel, 1.0)
        # A device takes a command when it can.
        assert any(
            channel in {stim.channel for stim in self.neurons.read(A_TURN, start, analysis=True).stims}
            for start in range(at, at + 250_000, A_TURN)
        )
        self.count("stims")

    @lives
    @rule(code=st.sampled_from([*REFUSALS]))
    def refuse(self, code: str) -> None:
        assert self.neurons is not None
        self.device.inject(f"refuse={code}:1")
        self.neurons.read(A_TURN)
        with pytest.raises(REFUSALS[code], match=code):
            self.neurons.stim(9, 1.0)
        self.count("refused")

    @lives
    @rule(fault=st.sampled_from(["lost=20", "late=3:10", "coalesce=5", "coalesce=1", "mute=1"]))
    def gentle(self, fault: str) -> None:
        assert self.neurons is not None
        self.device.inject(fault)
        self.neurons.read(A_TURN)
        self.count("gentle")

    @lives
    @rule(frames=st.sampled_from([1, 300]))
    def drop(self, frames: int) -> None:
        assert self.neurons is not None
        with pytest.raises(LaggedError, match=f"lost {frames} frames"):
            for tick in self.neurons.loop(1_000, stop_after_seconds=10, ignore_jitter=True):
                if tick.iteration == 5:  # Before, nothing of the loop's would be lost.
                    self.device.inject(f"drop={frames}")
        self.count("drops")

    @lives
    @rule(fault=st.sampled_from([*ENDS]))
    def die(self, fault: str) -> None:
        assert self.neurons is not None
        self.dead = ENDS[fault]
        if fault.startswith("ignore"):  # It is waited for no longer than is promised.
            link = self.neurons._engine.device._link  # type: ignore[attr-defined]
            link._commander._timeout_ns = int(ANSWER_S * 1e9)
        self.device.inject("coalesce=1")
        self.device.inject(fault)
        with pytest.raises(DeviceDisconnectedError, match=self.dead):
            for _ in self.neurons.loop(1_000, stop_after_seconds=10, ignore_jitter=True):
                self.neurons.stim(9, 1.0)
        with pytest.raises(DeviceDisconnectedError, match=self.dead):
            self.neurons.stim(9, 1.0)
        self.count("ends")

    def teardown(self) -> None:
        if self.neurons is not None:
            self.leave()
        if self.dead is None:
            self.device.inject("coalesce=1")
        else:
            unplug()
        self.count("runs")


def unplug() -> None:
    """Have the next machine begin with a new emulator."""
    if Driver.emulator is not None:
        Driver.emulator.__exit__(None, None, None)
        Driver.emulator = None


@pytest.mark.timeout(TIMEOUT)
def test_the_driver(tmp_path: Path) -> None:
    try:
        counts = Driver.try_out(examples=7, steps=12, shrink=False)
    finally:
        unplug()
    assert counts["runs"] >= 7 and counts["opens"] >= 7 and counts["ends"] and counts["recordings"]
