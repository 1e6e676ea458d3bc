"""The synchronous golden program: lone loops, loops in loops and in threads, recordings of the past."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden_notes import Notes
from golden_sources import Source, played

import cl
from cl.error import RunTimestampOrderError

PATIENCE_S = 60


def run(source: Source, folder: Path) -> Notes:
    """Run the program on a fresh device, and return what it noted."""
    notes = Notes()
    with played(source, folder, CL_SDK_JITTER_DETECTION="1"), cl.open() as neurons:
        program = Program(neurons, folder, notes)
        program.lone_loop()
        program.every_frame()
        program.recovery()
        program.jitter()
        program.loop_in_a_loop()
        program.loops_in_threads()
        program.plans()
        program.look_back()
        program.leave_in_the_middle()
    for name, recording in program.recordings.items():
        notes.recording(name, recording)
    return notes


class Program:
    """One thing after the other, so that mostly nobody waits beside the one that is served."""

    def __init__(self, neurons: cl.Neurons, folder: Path, notes: Notes) -> None:
        self.neurons = neurons
        self.folder = folder
        self.notes = notes
        self.begin = neurons.timestamp()
        self.stream = neurons.create_data_stream("ticks")
        self.recordings: dict[str, cl.Recording] = {}

    def lone_loop(self) -> None:
        """Run a loop of 1 kHz that answers spikes, looks at their samples, and reads in its bodies."""
        self.notes.frames("of reads", self.neurons.read(2_600))
        self._record("past", from_seconds_ago=0.08, stop_after_seconds=0.15)
        self._record("closing", from_frames_ago=700, include_raw_samples=False)
        for tick in self.neurons.loop(1_000, stop_after_seconds=0.12, ignore_jitter=True):
            self._served("loop 1000/s", tick.iteration)
            self.notes.events("of ticks", tick.analysis)
            if tick.iteration % 4 == 0:
                self.notes.frames("of ticks", tick.frames)
                self.stream.append(self.neurons.timestamp(), {"tick": tick.iteration})
            if tick.iteration % 3 == 0:
                self._answer(tick.analysis.spikes)
            if tick.iteration % 20 == 9:
                self.notes.frames("of bodies", self.neurons.read(35))
                self._served("loop 1000/s", "after a read")

    def _answer(self, spikes: list[cl.Spike]) -> None:
        for spike in spikes[:2]:
            self.notes.waveform("of ticks", spike)
            self._served("loop 1000/s", "after a look at samples")
            self.neurons.stim(cl.ChannelSet(8 + spike.channel % 16, 20), 1.0)

    def every_frame(self) -> None:
        """Run a loop of 25 kHz, which is never late; keep what its ticks gave."""
        kept = []
        for tick in self.neurons.loop(25_000, stop_after_ticks=800):
            self._served("loop 25000/s", tick.iteration)
            if tick.analysis.spikes or tick.analysis.stims:
                kept.append(tick.analysis)
            if tick.iteration % 100 == 30:
                self.notes.frames("of single frames", tick.frames)
                self.neurons.stim(9, cl.StimDesign(100, -1.0, 100, 1.0), cl.BurstDesign(2, 151))
        for found in kept:
            self.notes.events("of single frames", found)

    def recovery(self) -> None:
        """Let a loop recover from a long body, and leave it before its end."""
        loop = self.neurons.loop(500)

        def recovered(tick: cl.LoopTick) -> None:
            self._served("recovered", tick.iteration)
            self.notes.events("of recovered ticks", tick.analysis)

        for tick in loop:
            self._served("loop 500/s", tick.iteration)
            self.notes.events("of recovered ticks", tick.analysis)
            if tick.iteration in (2, 12):
                loop.recover_from_jitter(recovered)
                self.neurons.read(333)
            if tick.iteration == 20:
                break

    def jitter(self) -> None:
        """Let a loop fall behind."""
        loop = self.neurons.loop(1_000, jitter_tolerance_frames=3)
        with pytest.raises(TimeoutError) as raised:
            for tick in loop:
                self._served("loop 1000/s", tick.iteration)
                self.neurons.read(10 * tick.iteration)
        self._served("jitter", raised.value)

    def loop_in_a_loop(self) -> None:
        """Run a loop in the bodies of another one, and step a third by `next`."""
        ticks = iter(self.neurons.loop(200, ignore_jitter=True))
        for tick in self.neurons.loop(100, stop_after_ticks=6):
            self._served("outer loop", tick.iteration)
            for inner in self.neurons.loop(2_500, stop_after_ticks=7):
                self._served("inner loop", inner.iteration)
                self.notes.events("of inner loops", inner.analysis)
            self.neurons.interrupt_then_stim(cl.ChannelSet(10, 11), 1.0)
            if tick.iteration < 3:
                self._served("loop by hand", next(ticks).iteration)
        del ticks

    def loops_in_threads(self) -> None:
        """Run three loops in threads, which wait for each other."""
        neurons = self.neurons
        loops = [neurons.loop(rate, stop_after_seconds=0.08, ignore_jitter=True) for rate in (1_000, 400, 90)]
        _run_together(neurons, loops, self._threads_body)
        self._served("threads", "have ended")

    def _threads_body(self, number: int, tick: cl.LoopTick) -> None:
        self._served(f"thread {number}", tick.iteration)
        self.notes.events("of threads", tick.analysis)
        if tick.iteration % 8 == number:
            self.neurons.stim(cl.ChannelSet(12 + number, 15), 0.6)
            self.notes.frames("of threads", self.neurons.read(30))
            self._served(f"thread {number}", "after a read")

    def plans(self) -> None:
        """Run plans, also in the future and in the wrong order, and record what they do."""
        neurons = self.neurons
        plan = neurons.create_stim_plan()
        plan.channels_to_interrupt = 21
        plan.stim(cl.ChannelSet(21, 22), 1.0, cl.BurstDesign(3, 200))
        plan.sync(cl.ChannelSet(21, 23))
        plan.stim(23, 0.5)
        now = neurons.timestamp()
        self._record("window", from_timestamp=now - 1_000, include_spikes=False, include_data_streams=False)
        plan.run()
        plan.run(at_timestamp=now + 700)
        with pytest.raises(RunTimestampOrderError):
            plan.run(at_timestamp=now + 699)
        self._record("ahead", stop_after_frames=1_800).wait_until_stopped()
        self._served("recording", "has stopped")
        self.recordings["window"].stop()

    def look_back(self) -> None:
        """Note everything that has been since the device was opened."""
        now = self.neurons.timestamp()
        self._served("all", "looked back at")
        self.notes.frames("of the device", self.neurons.read(now - self.begin, self.begin))
        found = self.neurons.read(now - self.begin, self.begin, analysis=True)
        self.notes.events("of the device", found)
        for spike in found.spikes:
            if spike.timestamp + 50 <= now:
                self.notes.waveform("of the device", spike)

    def leave_in_the_middle(self) -> None:
        """Have bursts and a recording under way when the device is closed."""
        self.neurons.stim(cl.ChannelSet(30, 31), 1.0, cl.BurstDesign(20, 100))
        self.notes.frames("of reads", self.neurons.read(751))

    # -- small things ---------------------------------------------------------------------

    def _served(self, who: str, what: object = "") -> None:
        self.notes.served(who, self.neurons.timestamp(), what)

    def _record(self, name: str, **options: Any) -> cl.Recording:
        recording = self.neurons.record(name, self.folder, **options)
        self.recordings[name] = recording
        return recording


def _run_together(
    neurons: cl.Neurons, loops: list[cl.Loop], body: Callable[[int, cl.LoopTick], None]
) -> None:
    """Run each loop in a thread; all of them take part from the same moment on."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            loops[number].run(lambda tick: body(number, tick))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(len(loops))]
    with neurons.hold("starting"):
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while not errors and not all(_has_begun(loop) for loop in loops):
            assert time.monotonic() < deadline
            time.sleep(0.001)
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert errors == []


def _has_begun(loop: cl.Loop) -> bool:
    try:
        return loop.start_timestamp >= 0
    except RuntimeError:
        return False
