"""The asynchronous golden program: everything that may take part in virtual time, on one device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import numpy as np
from anyio.abc import TaskStatus
from golden_notes import Notes, text
from golden_sources import Source, played

import cl

FRAMES = 10_000
"""So long the participants are at it together."""
FAST, MIDDLE, SLOW = 25, 83, 500
"""Frames per tick of the three loops."""
Started = TaskStatus[None]


async def run(source: Source, folder: Path) -> Notes:
    """Run the program on a fresh device, and return what it noted."""
    notes = Notes()
    with played(source, folder):
        async with cl.aopen() as neurons:
            program = Program(neurons, source, folder, notes)
            await program.together()
            await program.alone()
            await program.look_back()
            await program.leave_in_the_middle()
    for name, recording in program.recordings.items():
        notes.recording(name, recording)
    return notes


class Program:
    """Three loops, four streams, reads, sleeps and recordings, most of which act on what they see."""

    def __init__(self, neurons: cl.Neurons, source: Source, folder: Path, notes: Notes) -> None:
        self.neurons = neurons
        self.foreseen = source.foreseen
        self.folder = folder
        self.notes = notes
        self.begin = neurons.timestamp()
        self.end = self.begin + FRAMES
        self.decisions = neurons.create_data_stream("decisions", {"unit": "uA"})
        self.states = neurons.create_data_stream("states")
        self.decided = self.begin - 1
        self.streams: list[Any] = []
        self.recordings: dict[str, cl.Recording] = {}
        self.plan = self._plan()

    # -- what runs together ---------------------------------------------------------------

    async def together(self) -> None:
        """Run all participants, which take part from the same moment on, in whatever order they start."""
        self._record("whole", stop_after_frames=FRAMES)
        participants = [
            self.fast, self.middle, self.slow, self.spikes, self.stims, self.events, self.frames,
            self.sleeper, self.reader, self.recorder, self.closer,
        ]  # fmt: skip
        async with anyio.create_task_group() as group:
            with self.neurons.hold("starting"):
                for participant in participants:
                    # What follows `started` up to the first wait is done before this goes on.
                    await group.start(participant)
        self.notes.served("all", self.neurons.timestamp(), "have ended")

    async def fast(self, *, task_status: Started) -> None:
        """A loop that answers spikes, appends to a stream, and now and then sleeps in its body."""
        loop = self.neurons.aloop(1_000, stop_after_ticks=FRAMES // FAST)
        task_status.started()
        async for tick in loop:
            self._served("loop 1000/s", tick.iteration)
            found = tick.analysis
            self.notes.events("of ticks", found)
            if tick.iteration % 8 == 0:
                self.notes.frames("of ticks", tick.frames)
            self._answer(tick.iteration, found.spikes)
            if tick.iteration % 10 == 9:
                await self.neurons.asleep(0.0002)
                self._served("loop 1000/s", "after a sleep")

    def _answer(self, iteration: int, spikes: list[cl.Spike]) -> None:
        for number, spike in enumerate(spikes):
            self._decide([spike.timestamp, spike.channel])
            if self.foreseen:
                self.notes.waveform("before their frames", spike)
            if iteration % 3 == 0:
                burst = cl.BurstDesign(2, 151) if number % 2 else None
                self.neurons.stim(cl.ChannelSet(8 + spike.channel % 16, 12), 0.5, burst)
        if spikes:
            self.neurons.sync(cl.ChannelSet(12, 13))

    async def middle(self, *, task_status: Started) -> None:
        """A loop whose rate divides nothing, and which runs plans, some of them in the future."""
        loop = self.neurons.aloop(300, stop_after_ticks=FRAMES // MIDDLE)
        task_status.started()
        async for tick in loop:
            self._served("loop 300/s", tick.iteration)
            self.notes.events("of slower ticks", tick.analysis)
            if tick.iteration % 12 == 5:
                self.plan.run(at_timestamp=tick.iteration_timestamp + 301)
            elif tick.iteration % 12 == 9:
                self.plan.run()
            elif tick.iteration % 5 == 0:
                self.neurons.interrupt_then_stim(cl.ChannelSet(9, 20), cl.StimDesign(80, -2.0, 80, 2.0))

    def _plan(self) -> cl.StimPlan:
        plan = self.neurons.create_stim_plan()
        plan.channels_to_interrupt = cl.ChannelSet(8, 9, 10)
        plan.stim(cl.ChannelSet(8, 9, 10), cl.StimDesign(80, -1.0, 80, 1.0), cl.BurstDesign(3, 160))
        plan.sync(cl.ChannelSet(9, 20, 21))
        plan.stim(cl.ChannelSet(20, 0), cl.StimDesign(160, 1.0, 160, -1.0), lead_time_us=500)
        plan.interrupt(22)
        plan.interrupt_then_stim(22, cl.StimDesign(40, -1.5, 60, 1.0, 100, -0.2), cl.BurstDesign(4, 200))
        return plan

    async def slow(self, *, task_status: Started) -> None:
        """A loop that interrupts, reads the past and the future, and lets others work for it."""
        loop = self.neurons.aloop(50, stop_after_ticks=FRAMES // SLOW)
        steps = {2: self._children, 4: self._thread, 6: self._begin_recordings, 15: self._end_recording}
        task_status.started()
        async for tick in loop:
            self._served("loop 50/s", tick.iteration)
            at = tick.iteration_timestamp
            self.states.append(at, np.arange(tick.iteration % 5, dtype=np.int16))
            self.notes.events("of the past", await self.neurons.aread(300, at - 450, analysis=True))
            self.notes.frames("of the past", await self.neurons.aread(120, at - 130))
            if tick.iteration % 2:
                self.neurons.interrupt(cl.ChannelSet(12, 13))
                self.neurons.stim(13, 0.8, lead_time_us=400)
            if tick.iteration in steps:
                await steps[tick.iteration]()
            if tick.iteration % 7 == 6:
                self.notes.frames("of bodies", await self.neurons.aread(60))
                self._served("loop 50/s", "after a read")

    async def _children(self) -> None:
        async def sleep() -> None:
            await self.neurons.asleep(0.0011)
            self._served("child", "after a sleep")
            self.neurons.stim(40, 1.0)

        async def read() -> None:
            self.notes.frames("of bodies", await self.neurons.aread(45))
            self._served("child", "after a read")

        async with anyio.create_task_group() as group:
            group.start_soon(sleep)
            group.start_soon(read)
        self._served("loop 50/s", "after its children")

    async def _thread(self) -> None:
        self.notes.frames("of bodies", await anyio.to_thread.run_sync(self.neurons.read, 40))
        self._served("loop 50/s", "after its thread")

    async def _begin_recordings(self) -> None:
        self._record(
            "past", from_seconds_ago=0.05, include_raw_samples=False, include_data_streams=["states"]
        )
        self._record("closing", from_frames_ago=333, exclude_data_streams=["states"])

    async def _end_recording(self) -> None:
        await self.recordings["past"].astop()
        self._served("loop 50/s", "after stopping a recording")

    async def spikes(self, *, task_status: Started) -> None:
        """A stream of some channels' spikes, whose samples are awaited."""
        async with self.neurons.spikes(range(8, 52)) as stream:
            self.streams.append(stream)
            task_status.started()
            async for spike in stream:
                self._served("spikes", f"{spike.timestamp} on {spike.channel}")
                await self.neurons.asleep_until(spike.timestamp + 50)
                self._served("spikes", "after a sleep")
                self.notes.waveform("of streams", spike)
                self.neurons.interrupt_then_stim(13, 1.0)
                self._decide("spike")

    async def stims(self, *, task_status: Started) -> None:
        """A stream of stims, some of which are answered by others."""
        async with self.neurons.stims() as stream:
            self.streams.append(stream)
            task_status.started()
            async for stim in stream:
                self._served("stims", f"{stim.timestamp} on {stim.channel}")
                if stim.channel == 13:
                    await self.neurons.asleep(0.0001)
                    self._served("stims", "after a sleep")
                    self.neurons.stim(14, 1.0)

    async def events(self, *, task_status: Started) -> None:
        """A stream of everything."""
        async with self.neurons.events() as stream:
            self.streams.append(stream)
            task_status.started()
            async for event in stream:
                self._served("events", text(event))
                self.notes.event("of streams", event)

    async def frames(self, *, task_status: Started) -> None:
        """A stream of blocks of frames, some of which are followed by a stim."""
        async with self.neurons.frames(410) as stream:
            self.streams.append(stream)
            task_status.started()
            async for block in stream:
                self._served("frames", stream.timestamp)
                self.notes.frames("of streams", block)
                if stream.timestamp // 410 % 3 == 0:
                    self.neurons.stim(cl.ChannelSet(15, 16), 1.0)

    async def sleeper(self, *, task_status: Started) -> None:
        """A task that sleeps again and again, and stimulates in between."""
        task_status.started()
        while self.neurons.timestamp() < self.end:
            await self.neurons.asleep(0.0123)
            self._served("sleeper")
            self.neurons.stim(12, 0.7)

    async def reader(self, *, task_status: Started) -> None:
        """A task that reads on and on."""
        task_status.started()
        while self.neurons.timestamp() < self.end:
            frames = await self.neurons.aread(777)
            self._served("reader")
            self.notes.frames("of reads", frames)

    async def recorder(self, *, task_status: Started) -> None:
        """A task that waits for the end of a recording, and then records once more, from the past on."""
        whole = self.recordings["whole"]
        task_status.started()
        await whole.await_until_stopped()
        self._served("recorder", "after the first")
        at = self.begin + FRAMES - 1_500
        again = self._record("again", from_timestamp=at, stop_after_seconds=0.1, include_spikes=False)
        await again.await_until_stopped()
        self._served("recorder", "after the second")

    async def closer(self, *, task_status: Started) -> None:
        """A task that closes the streams at the end."""
        task_status.started()
        await self.neurons.asleep_until(self.end)
        self._served("closer")
        for stream in self.streams:
            stream.close()

    # -- afterwards -----------------------------------------------------------------------

    async def alone(self) -> None:
        """Run loops that nobody else is waiting beside."""
        loop = self.neurons.aloop(25_000, stop_after_ticks=600)
        async for tick in loop:
            self._served("loop 25000/s", tick.iteration)
            self.notes.events("of single frames", tick.analysis)
            if tick.iteration % 50 == 0:
                self.notes.frames("of single frames", tick.frames)
                self.neurons.stim(17, 1.0)
                self._decide("alone")
        await self.neurons.aloop(1_000, stop_after_seconds=0.02).run(self._called)

    async def _called(self, tick: cl.LoopTick) -> None:
        self._served("callback", tick.iteration)
        self.notes.events("of callbacks", tick.analysis)

    async def look_back(self) -> None:
        """Note everything that has been since the device was opened."""
        now = self.neurons.timestamp()
        self.notes.served("all", now, "looked back at")
        self.notes.frames("of the device", await self.neurons.aread(now - self.begin, self.begin))
        found = await self.neurons.aread(now - self.begin, self.begin, analysis=True)
        self.notes.events("of the device", found)
        for spike in found.spikes:
            if spike.timestamp + 50 <= now:
                self.notes.waveform("of the device", spike)

    async def leave_in_the_middle(self) -> None:
        """Have bursts, a plan and a recording under way when the device is closed."""
        self.neurons.stim(cl.ChannelSet(30, 31), 1.0, cl.BurstDesign(20, 100))
        self.plan.run(at_timestamp=self.neurons.timestamp() + 900)
        self.notes.frames("of reads", await self.neurons.aread(752))

    # -- small things ---------------------------------------------------------------------

    def _served(self, who: str, what: object = "") -> None:
        self.notes.served(who, self.neurons.timestamp(), what)

    def _decide(self, what: Any) -> None:
        """Append to a data stream, whose timestamps must ascend whoever appends."""
        self.decided = max(self.decided + 1, self.neurons.timestamp())
        self.decisions.append(self.decided, what)

    def _record(self, name: str, **options: Any) -> cl.Recording:
        recording = self.neurons.record(name, self.folder, **options)
        self.recordings[name] = recording
        return recording
