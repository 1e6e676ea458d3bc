"""Many consumers on one device give the same results whatever the host does."""

from __future__ import annotations

import hashlib
import random
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import h5py
import pytest
from aio_tools import busy_keeper, check_at_rest, keys

import cl

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]

END = 5_000
Log = list[tuple[Any, ...]]


class Chaos:
    """What the host might do: start tasks in any order, and let everybody wait for real."""

    def __init__(self, seed: int | None) -> None:
        self._rng = None if seed is None else random.Random(seed)

    def shuffled(self, jobs: list[Any]) -> list[Any]:
        return jobs if self._rng is None else self._rng.sample(jobs, len(jobs))

    async def delay(self) -> None:
        if self._rng is None:
            return
        kind = self._rng.random()
        if kind < 0.05:
            await anyio.sleep(self._rng.random() * 0.003)
        elif kind < 0.3:
            await anyio.lowlevel.checkpoint()
        elif kind < 0.5:
            for _ in range(self._rng.randrange(4)):
                await anyio.lowlevel.checkpoint()


@contextmanager
def load(active: bool) -> Iterator[None]:
    """Let another thread take the interpreter again and again, for moments of any length."""
    if not active:
        yield
        return
    stop = threading.Event()

    def burn() -> None:
        rng = random.Random(1)
        while not stop.wait(0.0005):
            sum(range(rng.randrange(20_000)))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    thread = threading.Thread(target=burn, name="load")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


class Experiment:
    """Three loops, two streams, a recording and a sleeper, all of which act on what they see."""

    def __init__(self, neurons: cl.Neurons, chaos: Chaos, folder: Path) -> None:
        self.neurons = neurons
        self.chaos = chaos
        self.log: Log = []
        self.stream = neurons.create_data_stream("decisions")
        self.recording = neurons.record(file_location=str(folder), stop_after_frames=END)

    async def run(self) -> Log:
        jobs = [
            lambda: self.loop(1_000, 9),
            lambda: self.loop(250, 10),
            lambda: self.loop(100, 11),
            self.spikes,
            self.events,
            self.sleeper,
            self.recorder,
        ]
        async with anyio.create_task_group() as group:
            for job in self.chaos.shuffled(jobs):
                group.start_soon(job)
        check_at_rest(self.neurons)
        analysis = self.neurons.read(END, 0, analysis=True)
        self.log.append((END, "device", keys(analysis.spikes), keys(analysis.stims)))
        self.log.append((END, "recording", _content(self.recording)))
        return self.log

    async def note(self, who: str, *what: Any) -> None:
        await self.chaos.delay()
        self.log.append((self.neurons.timestamp(), who, *what))

    async def loop(self, rate: int, channel: int) -> None:
        async for tick in self.neurons.aloop(rate, stop_after_seconds=END / 25_000):
            spikes = tick.analysis.spikes
            await self.note(f"loop {rate}", tick.iteration, keys(spikes), keys(tick.analysis.stims))
            if spikes and tick.iteration % 3 == 0:
                # Two loops stimulate the same channel: who comes first matters.
                self.neurons.stim(cl.ChannelSet(channel, 12), 0.5)
                self.neurons.sync(cl.ChannelSet(12, 13))
            if tick.iteration % 10 == 9:
                await self.neurons.asleep(0.0002)
            if tick.iteration == 20:
                digest = hashlib.sha256((await self.neurons.aread(60)).tobytes()).hexdigest()
                await self.note(f"loop {rate} read", digest)

    async def spikes(self) -> None:
        at = 0
        async with self.neurons.spikes(range(8, 40)) as stream:
            async for spike in stream:
                if spike.timestamp >= END:
                    return
                await self.note("spikes", spike.timestamp, spike.channel)
                self.neurons.interrupt_then_stim(13, 1.0)
                at = max(at + 1, self.neurons.timestamp())
                self.stream.append(at, [spike.timestamp, spike.channel])

    async def events(self) -> None:
        async with self.neurons.events() as stream:
            async for event in stream:
                if event.timestamp >= END:
                    return
                await self.note("events", repr(event))
                if isinstance(event, cl.Stim) and event.channel == 13:
                    await self.neurons.asleep(0.0001)
                    self.neurons.stim(14, 1.0)

    async def sleeper(self) -> None:
        while self.neurons.timestamp() < END:
            await self.neurons.asleep(0.0123)
            await self.note("sleeper")
            self.neurons.stim(12, 0.7)

    async def recorder(self) -> None:
        await self.recording.await_until_stopped()
        await self.note("recorder")


def _content(recording: Any) -> tuple[Any, ...]:
    """Return every part of the file, byte for byte, and its attributes but for the host's date."""
    parts: list[Any] = []

    def note(name: str, part: Any) -> None:
        attributes = {key: repr(value) for key, value in part.attrs.items() if key not in _DATES}
        parts.append((name, attributes))
        if isinstance(part, h5py.Dataset) and name != "checksums":  # of attributes, too: the dates
            found = part[()].tobytes()
            assert found, f"{name} is empty, so it shows nothing"
            parts.append((name, str(part.dtype), part.shape, hashlib.sha256(found).hexdigest()))

    with h5py.File(recording.file["path"]) as file:
        note("/", file)
        file.visititems(note)
    with recording.open() as view:
        stims = [(int(row["timestamp"]), int(row["channel"])) for row in view.stims]
        entries = [(int(key), value) for key, value in view.data_streams["decisions"].items()]
    return (*parts, stims, entries)


_DATES = {"created_localtime", "created_utc", "ended_localtime", "ended_utc"}


async def once(folder: Path, chaos: Chaos) -> Log:
    async with cl.aopen() as neurons:
        with load(chaos._rng is not None), busy_keeper(neurons):
            return await Experiment(neurons, chaos, folder).run()


def _difference(log: Log, expected: Log) -> str:
    for i, (mine, theirs) in enumerate(zip(log, expected, strict=False)):
        if mine != theirs:
            return f"entry {i}: {mine} instead of {theirs}"
    return f"{len(log)} entries instead of {len(expected)}"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Awaitable[Log]]:
    """Return the result of a source's calm run, on whatever event loop came first."""
    results: dict[str, Log] = {}

    async def result(source: str) -> Log:
        if source not in results:
            results[source] = await once(tmp_path_factory.mktemp("calm"), Chaos(None))
        return results[source]

    return result


# All against one calm run, so that the runs of one event loop need not be those of another.
RUNS = {("asyncio", False): range(7), ("asyncio", True): range(7, 14), ("trio", False): range(14, 20)}


@pytest.mark.parametrize("source", ["random", "culture"])
async def test_the_same_whatever_the_host_does(
    source: str,
    anyio_backend: tuple[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calm: Callable[[str], Awaitable[Log]],
) -> None:
    if source == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
        monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"size": 200, "seed": 3}')
    expected = await calm(source)
    who = {entry[1] for entry in expected}
    assert {"loop 1000", "loop 250", "loop 100", "spikes", "events", "sleeper", "recorder"} <= who
    assert len(expected) >= 400
    recorded = {part[0] for part in expected[-1][2] if part and isinstance(part, tuple)}
    assert {"samples", "spikes", "stims", "data_stream/decisions/data"} <= recorded
    name, options = anyio_backend
    runs = RUNS[name, options.get("use_uvloop", False)]
    for run in runs if source == "random" else runs[:3]:
        folder = tmp_path / str(run)
        folder.mkdir()
        log = await once(folder, Chaos(run))
        assert log == expected, _difference(log, expected)
