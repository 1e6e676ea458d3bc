"""Random async programs, whose results are to be the same whatever the scheduling is."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
from aio_tools import check_at_rest, keys

import cl
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    Simulator,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)

RATES = (1_000, 625, 500, 250, 200, 125, 100)
SINGLE = ("sleeper", "reader", "spikes", "events", "frames", "recorder", "visitor")
STREAMS = ("spikes", "events", "frames")
"""Of these kinds a device has one task each at most: no two are alike in everything."""


class Failing(SimulatorDataSource):
    """Spikes now and then, and an error at a frame."""

    def __init__(self, at: int) -> None:
        self._at = at

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(read_timeout_seconds=None, reactive=True)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        stop = from_timestamp + frame_count
        if stop > self._at:
            raise OSError("the cable was pulled")
        first = -(-from_timestamp // 40) * 40
        return DataSourceBatch(None, [DataSourceSpike(t, t // 40 % 64) for t in range(first, stop, 40)])


@dataclass(frozen=True)
class Job:
    """What a task does."""

    name: str
    kind: str
    device: int
    seed: int
    rate: int = 0


@dataclass(frozen=True)
class Program:
    """Tasks that run side by side until device time comes to `end`."""

    number: int
    devices: int
    end: int
    fails_at: int | None
    records: bool
    jobs: tuple[Job, ...]

    @property
    def has_children(self) -> bool:
        """Whether bodies start tasks. A newcomer ends what single waits hold: nobody may live by these."""
        return not any(job.kind in ("sleeper", "reader", "visitor", "recorder") for job in self.jobs)

    def without(self, at: int) -> Program:
        """Return it with a job less."""
        return replace(self, jobs=self.jobs[:at] + self.jobs[at + 1 :])

    @property
    def kept(self) -> str:
        """What says which part of the program that the number gives this is."""
        whole = generate(self.number).jobs
        return f"{self.number}:{','.join(str(whole.index(job)) for job in self.jobs)}:{self.end}"

    @staticmethod
    def part(text: str) -> Program:
        """Return the program that `kept` has described."""
        number, jobs, end = text.split(":")
        whole = generate(int(number))
        return replace(whole, end=int(end), jobs=tuple(whole.jobs[int(at)] for at in jobs.split(",")))


def generate(number: int) -> Program:
    """Return the program of that number."""
    random = Random(number)
    devices = random.choice((1, 1, 2))
    jobs: list[Job] = []
    kinds = SINGLE if random.random() < 0.6 else STREAMS
    for device in range(devices):
        loops = random.sample(RATES, random.randint(1, 3))
        jobs += [
            Job(f"{device} loop {rate}", "loop", device, random.randrange(1 << 30), rate) for rate in loops
        ]
        for kind in random.sample(kinds, random.randint(1, min(4, len(kinds)))):
            jobs.append(Job(f"{device} {kind}", kind, device, random.randrange(1 << 30)))
    end = random.choice((300, 450, 600))
    fails_at = end // 2 if random.random() < 0.15 else None
    records = random.random() < 0.3 or any(job.kind == "recorder" for job in jobs)
    return Program(number, devices, end, fails_at, records, tuple(jobs))


class Run:
    """One run of a program under one schedule."""

    def __init__(
        self,
        program: Program,
        schedule: Random | None,
        folder: Path,
        point: Callable[[], None] = lambda: None,
    ) -> None:
        self.program = program
        self.log: list[tuple[Any, ...]] = []
        """What happened, in order."""
        self.ends: dict[str, str] = {}
        """How each task has ended."""
        self.scope: anyio.CancelScope | None = None
        """What all of it runs in but opening and closing."""
        self._schedule = schedule
        self._folder = folder
        self._point = point
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._devices: list[cl.Neurons] = []
        self._simulators: list[Simulator] = []
        self._recordings: list[cl.Recording] = []
        self._streams: list[cl.DataStream] = []

    async def run(self) -> tuple[Any, ...]:
        """Run it; return everything that must not depend on the schedule."""
        time = cl.VirtualTime() if self.program.devices > 1 else None
        fails_at = self.program.fails_at
        for device in range(self.program.devices):
            source, config = (Failing, {"at": fails_at}) if fails_at else (None, None)
            self._simulators.append(
                Simulator(
                    source, config=config, seed=7 + device, accelerated=True, spike_percentile=99.8, time=time
                )
            )
        async with AsyncExitStack() as stack:
            for simulator in self._simulators:
                self._devices.append(await stack.enter_async_context(cl.aopen(device=simulator)))
            for neurons in self._devices:
                self._streams.append(neurons.create_data_stream("log"))
                if not self.program.records:
                    continue
                self._recordings.append(
                    neurons.record(file_location=str(self._folder), stop_after_frames=400)
                )
            with anyio.CancelScope() as self.scope:
                await self._jobs()
            if self.program.fails_at is None:
                for neurons in self._devices:
                    check_at_rest(neurons)
        assert not cl._session.opening.is_open()
        if self.program.fails_at is not None:
            # A window is asked for in portions that take half a millisecond of the host: the whole of the
            # last one is missing, and what is recorded ends before it.
            return self.log, self.ends
        return self.log, self.ends, self.recorded()

    def recorded(self) -> list[tuple[Any, ...]]:
        """Return what the recordings have."""
        return [_content(recording) for recording in self._recordings]

    async def _jobs(self) -> None:
        jobs = [*self.program.jobs]
        if self._schedule is not None:
            self._schedule.shuffle(jobs)
        async with anyio.create_task_group() as group:
            with self._devices[0].hold("the start"):
                for job in jobs:
                    group.start_soon(self._job, job)
                await self._all_wait(len(jobs))

    async def _all_wait(self, count: int) -> None:
        """Let all tasks come to their first wait."""
        engines = [neurons._engine for neurons in self._devices]
        for _ in range(2_000):
            await anyio.lowlevel.checkpoint()
            scheduler = engines[0].time.scheduler  # the one of all of them
            if len(scheduler.waiting()) + len(self.ends) >= count:
                return
        raise AssertionError(f"of {count} tasks wait {scheduler.waiting()}")

    async def _job(self, job: Job) -> None:
        with anyio.CancelScope() as scope:
            self._scopes[job.name] = scope
            try:
                does: Callable[[Job, cl.Neurons, Random], Awaitable[None]] = getattr(self, f"_{job.kind}")
                await does(job, self._devices[job.device], Random(job.seed))
                self.ends[job.name] = "end"
            except (cl.error.DeviceDisconnectedError, cl.error.RecordingFailedError):
                self.ends[job.name] = "the device failed"
            except ZeroDivisionError:
                self.ends[job.name] = "raised"
        if scope.cancelled_caught:
            self.ends[job.name] = "cancelled"

    async def _delay(self) -> None:
        """What the host may do to a task: let it wait."""
        self._point()
        random = self._schedule
        if random is None or random.random() < 0.4:
            return
        if random.random() < 0.2:
            await anyio.sleep(random.random() * 0.003)
        for _ in range(random.randrange(4)):
            await anyio.lowlevel.checkpoint()

    async def _note(self, job: Job, neurons: cl.Neurons, *what: Any) -> None:
        await self._delay()
        await anyio.lowlevel.checkpoint()  # Who has been cancelled ends here, under every schedule.
        self.log.append((neurons.timestamp(), job.name, *what))

    # -- what tasks do ------------------------------------------------------------------------

    async def _loop(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        ticks = max(1, self.program.end * job.rate // 25_000)
        async for tick in neurons.aloop(job.rate, stop_after_ticks=ticks):
            await self._note(
                job, neurons, tick.iteration, keys(tick.analysis.spikes), keys(tick.analysis.stims)
            )
            await self._act(job, neurons, random)

    async def _act(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        """Do one thing, or nothing."""
        kind = random.choice(
            ("stim", "interrupt", "plan", "append", "read", "sleep", "child", *[""] * 8, "rare")
        )
        channel = random.randrange(8, 14)
        if kind == "stim":
            neurons.stim(cl.ChannelSet(channel, 20), 1.0)
        elif kind == "interrupt":
            neurons.interrupt_then_stim(channel, 0.5)
        elif kind == "plan":
            plan = neurons.create_stim_plan()
            plan.stim(channel, 1.0)
            try:
                plan.run(neurons.timestamp() + random.choice((1, 50, 300)))
            except cl.error.RunTimestampOrderError:
                self.log.append((neurons.timestamp(), job.name, "an older plan waits"))
        elif kind == "append":
            await self._append(job, neurons)
        elif kind == "read":
            digest = hashlib.sha256((await neurons.aread(random.randint(1, 60))).tobytes()).hexdigest()
            await self._note(job, neurons, "read", digest)
        elif kind == "sleep":
            await neurons.asleep(random.choice((0.0002, 0.002)))
            await self._note(job, neurons, "slept")
        elif kind == "child" and self.program.has_children:
            async with anyio.create_task_group() as group:
                group.start_soon(self._child, job, neurons, random.randint(1, 60))
        elif kind == "rare":
            self._rare(random)
            # A task that has cancelled itself may come to a tick more, or not.
            await anyio.lowlevel.checkpoint()

    async def _child(self, job: Job, neurons: cl.Neurons, frames: int) -> None:
        """Work for the body that waits for this."""
        await self._delay()
        with suppress(cl.error.DeviceDisconnectedError):  # Its body is told of the end as well.
            result = await neurons.aread(frames, analysis=True)
            await self._note(job, neurons, "child", keys(result.spikes))

    async def _append(self, job: Job, neurons: cl.Neurons) -> None:
        try:
            self._streams[job.device].append(neurons.timestamp(), job.name)
        except RuntimeError:  # Another task has appended at this frame.
            self.log.append((neurons.timestamp(), job.name, "there is one"))

    def _rare(self, random: Random) -> None:
        """Cancel a task, or raise."""
        if random.random() < 0.5:
            raise ZeroDivisionError
        victim = random.choice(self.program.jobs).name
        self._scopes[victim].cancel()

    async def _sleeper(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        while neurons.timestamp() < self.program.end:
            await neurons.asleep(random.choice((0.0013, 0.0031)))
            await self._note(job, neurons)
            await self._act(job, neurons, random)

    async def _reader(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        while neurons.timestamp() < self.program.end:
            result = await neurons.aread(random.choice((37, 91)), analysis=True)
            await self._note(job, neurons, keys(result.spikes), keys(result.stims))

    async def _spikes(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        async with neurons.spikes(range(8, 40)) as stream:
            async for spike in stream:
                if spike.timestamp >= self.program.end:
                    return
                await self._note(job, neurons, spike.timestamp, spike.channel)
                await self._act(job, neurons, random)

    async def _events(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        async with neurons.events() as stream:
            async for event in stream:
                if event.timestamp >= self.program.end:
                    return
                await self._note(job, neurons, repr(event))

    async def _frames(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        async with neurons.frames(random.choice((64, 83))) as stream:
            async for block in stream:
                digest = hashlib.sha256(block.tobytes()).hexdigest()
                await self._note(job, neurons, digest)
                if neurons.timestamp() >= self.program.end:
                    return

    async def _recorder(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        await self._recordings[job.device].await_until_stopped()
        await self._note(job, neurons, "recorded")

    async def _visitor(self, job: Job, neurons: cl.Neurons, random: Random) -> None:
        await neurons.asleep(0.0021)
        async with cl.aopen(device=self._simulators[job.device]) as same:
            assert same is neurons
            await same.asleep(0.004)
            await self._note(job, neurons)


def _content(recording: cl.Recording) -> tuple[Any, ...]:
    with cl.RecordingView(recording.file["path"]) as view:
        assert view.complete
        stims = [(int(row["timestamp"]), int(row["channel"])) for row in view.stims]
        spikes = hashlib.sha256(view.spikes[:].tobytes()).hexdigest()
        entries = [(int(key), value) for key, value in view.data_streams["log"].items()]
        return hashlib.sha256(view.samples[:].tobytes()).hexdigest(), spikes, stims, entries
