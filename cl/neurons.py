"""`Neurons`: an open device, for synchronous and asynchronous programs alike."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, overload

from ._core.clock_relation import HostTime
from ._core.participant import SLEEP
from ._neurons.annotating import AnnotatingMethods
from ._neurons.awaited import AwaitedMethods
from ._neurons.host_time import HostTimeMethods
from ._neurons.recordings import Recordings
from ._neurons.streams import StreamMethods
from ._stim.advice import StimAdvice
from ._values.constants import CHANNEL_COUNT, FRAME_NS, FRAMES_PER_SECOND
from ._values.lazy import lazy_names
from ._values.numbers import whole
from ._values.rates import seconds_to_frames
from ._wait import tasks, threads
from ._wait.reading import Reading
from .events import DetectionResult
from .loop import AsyncLoop, Loop

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._core.engine import Engine
    from ._core.stim_watchdog import StimWatchdog
    from ._stim.budget_keeper import BudgetKeeper

_READ_BLOCK = FRAMES_PER_SECOND
"""Long reads are put together from blocks of this size, so that none outlives the history."""
_HEAVY_READ = 5_000
"""Frames that take longer to make than a task may keep its event loop from the others."""


class Neurons(AnnotatingMethods, StreamMethods, AwaitedMethods, HostTimeMethods):
    """A started device. Made by `cl.open()` and `cl.aopen()`; do not make one yourself.

    Synchronous methods block their thread; those that begin with `a` are awaited and never block
    the event loop. All of them may be called from any thread, at any time while the device is open;
    after that they raise `DeviceDisconnectedError`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recordings = Recordings(engine)
        self._submit_to = engine.device.stimulator.submit
        self._advice = StimAdvice()
        self._host_time = None if engine.time.clock is None else HostTime(engine.time.clock)
        self._watchdog: StimWatchdog | None = None
        self._keeper: BudgetKeeper | None = None
        self._control = False
        self._started = True

    # -- what it is -----------------------------------------------------------------------

    @property
    def is_simulator(self) -> bool:
        """Whether this device is a simulator."""
        return self._engine.device.info.is_simulator

    @property
    def system_attributes(self) -> dict[str, Any]:
        """This device's `project_id chip_id cell_batch_id plugin system_id hostname`."""
        return deepcopy(dict(self._engine.device.info.attributes))

    @property
    def simulation(self) -> dict[str, Any] | Any:
        """What makes this simulator's run again; None on a device. Recordings have it, too.

        `source` ("random", "replay:FILE NAME" or "module:attribute"), its `config`, the `seed` (drawn, if
        none was given), `replay_start_offset`, the package's `version`, and `settings`. See
        `cl.sim.Simulator.from_recording`.
        """
        return deepcopy(self._engine.device.info.simulation)

    @property
    def culture(self) -> dict[str, Any] | None:
        """What was said of the culture when the device was opened, or by CL_CULTURE; None: nothing."""
        return deepcopy(self._engine.device.info.culture)

    def _repr_html_(self) -> str:
        from ._neurons.face import of_neurons

        recordings = self._recordings
        return of_neurons(self._engine, recordings.running(), recordings.streams(), self._control)

    # -- time -----------------------------------------------------------------------------

    def get_channel_count(self) -> int:
        """Return the number of channels, 64."""
        return CHANNEL_COUNT

    def get_frames_per_second(self) -> int:
        """Return the sampling rate, 25 000 frames per second."""
        return FRAMES_PER_SECOND

    def get_frame_duration_us(self) -> float:
        """Return the length of a frame in µs, 40.0."""
        return FRAME_NS / 1000

    # -- reading --------------------------------------------------------------------------

    @overload
    def read(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: Literal[False] = False
    ) -> NDArray[np.int16]: ...

    @overload
    def read(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: Literal[True]
    ) -> DetectionResult: ...

    def read(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: bool = False
    ) -> NDArray[np.int16] | DetectionResult:
        """Return the frames of a window, or what was detected in it, blocking until it exists.

        The window is `frame_count` frames from `from_timestamp` (None: from now) on. Frames come as
        int16 (frame_count, 64), owned by the caller; with `analysis=True` a `DetectionResult`.
        A window older than the history (5 s at least) raises `ValueError` that names the oldest
        readable timestamp; what of these 5 s lies before the beginning of a simulator's timeline reads
        as zeros, without spikes and stims. Reading consumes nothing.
        """
        if (found := self._at_hand(frame_count, from_timestamp, analysis)) is not None:
            return found
        if from_timestamp is not None:
            threads.catch_up(self._engine)
        reading, parts = Reading(self._engine, "read"), []
        try:
            try:
                start, stop = self._begin_reading(reading, frame_count, from_timestamp)
                for low, high in _blocks(start, stop, reading):
                    if self._engine.position < high:
                        threads.wait(self._engine, reading.participant, high)
                    parts.append(self._part(low, high, analysis))
            finally:
                reading.end()
        except BaseException:
            reading.end()
            raise
        return _joined(parts, start, stop, analysis)

    @overload
    async def aread(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: Literal[False] = False
    ) -> NDArray[np.int16]: ...

    @overload
    async def aread(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: Literal[True]
    ) -> DetectionResult: ...

    async def aread(
        self, frame_count: int, from_timestamp: int | None = None, /, *, analysis: bool = False
    ) -> NDArray[np.int16] | DetectionResult:
        """Return what `read` returns, without blocking the event loop."""
        from ._values.offload import in_thread

        if (found := self._at_hand(frame_count, from_timestamp, analysis)) is not None:
            return found
        if from_timestamp is not None:
            await tasks.catch_up(self._engine)
        reading, parts = Reading(self._engine, "aread"), []
        try:
            try:
                start, stop = self._begin_reading(reading, frame_count, from_timestamp)
                for low, high in _blocks(start, stop, reading):
                    if self._engine.position < high:
                        await tasks.wait(self._engine, reading.participant, high)
                    if high - low <= _HEAVY_READ or analysis:
                        parts.append(self._part(low, high, analysis))
                        continue
                    parts.append(await in_thread(self._part, low, high, analysis))
            finally:
                reading.end()
        except BaseException:
            reading.end()
            raise
        return _joined(parts, start, stop, analysis)

    read_async = aread

    def _at_hand(
        self, count: object, start: object, analysis: bool
    ) -> NDArray[np.int16] | DetectionResult | None:
        """Return a small window that is there already, without becoming a participant."""
        engine = self._engine
        if type(start) is not int or type(count) is not int:
            return None
        if not 0 <= count <= _HEAVY_READ:
            return None
        with engine.lock:
            if start + count > engine.position or start < engine.oldest:
                return None
            found: NDArray[np.int16] | DetectionResult = self._part(start, start + count, analysis)
            return found

    def _begin_reading(self, reading: Reading, frame_count: Any, from_timestamp: Any) -> tuple[int, int]:
        """Begin to read a window, and return where it begins and ends."""
        count = whole(frame_count, "frame_count", 0)
        self._engine.check()
        start = None if from_timestamp is None else whole(from_timestamp, "from_timestamp")
        reading.begin(start)
        reading.participant.goal = reading.at + count
        return reading.at, reading.at + count

    def _part(self, start: int, stop: int, analysis: bool) -> Any:
        engine = self._engine
        engine.check()
        if engine.losses.total:
            engine.losses.check(start, stop)
        return engine.window(start, stop) if analysis else engine.frames(start, stop)

    # -- loops ----------------------------------------------------------------------------

    def loop(
        self,
        ticks_per_second: float,
        stop_after_seconds: float | None = None,
        stop_after_ticks: int | None = None,
        ignore_jitter: bool = False,
        jitter_tolerance_frames: int = 0,
    ) -> Loop:
        """Return a closed loop: iterate over it, `ticks_per_second` times a second.

        Each tick covers 25000 // ticks_per_second frames. At most one of `stop_after_seconds` and
        `stop_after_ticks` ends it. Bad values raise `ValueError`, bad types `TypeError`.
        """
        self._engine.check()
        return Loop(
            self._engine,
            ticks_per_second,
            stop_after_seconds,
            stop_after_ticks,
            ignore_jitter,
            jitter_tolerance_frames,
        )

    def aloop(
        self,
        ticks_per_second: float,
        stop_after_seconds: float | None = None,
        stop_after_ticks: int | None = None,
        ignore_jitter: bool = False,
        jitter_tolerance_frames: int = 0,
    ) -> AsyncLoop:
        """Return the asynchronous twin of `loop`, for `async for`."""
        self._engine.check()
        return AsyncLoop(
            self._engine,
            ticks_per_second,
            stop_after_seconds,
            stop_after_ticks,
            ignore_jitter,
            jitter_tolerance_frames,
        )

    # -- waiting --------------------------------------------------------------------------

    async def asleep(self, seconds: float) -> None:
        """Sleep for `seconds` of device time: virtual in accelerated time."""
        deadline = self._engine.now() + seconds_to_frames("seconds", seconds)
        await tasks.wait_once(self._engine, "asleep", SLEEP, deadline)

    async def asleep_until(self, timestamp: int) -> None:
        """Sleep until device time has come to `timestamp`; at once if it has passed."""
        deadline = whole(timestamp, "timestamp", 0)
        await tasks.wait_once(self._engine, "asleep", SLEEP, deadline)


def _blocks(start: int, stop: int, reading: Reading) -> Iterator[tuple[int, int]]:
    for low in range(start, stop, _READ_BLOCK):
        reading.at = low
        yield low, min(low + _READ_BLOCK, stop)


def _joined(parts: list[Any], start: int, stop: int, analysis: bool) -> NDArray[np.int16] | DetectionResult:
    if len(parts) == 1:
        part: NDArray[np.int16] | DetectionResult = parts[0]
        return part
    if analysis:
        spikes = [spike for part in parts for spike in part.spikes]
        stims = [stim for part in parts for stim in part.stims]
        return DetectionResult(start, stop, spikes, stims)
    import numpy as np

    return np.concatenate(parts) if parts else np.empty((0, CHANNEL_COUNT), np.int16)


# Programs import these from here as well.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BurstDesign": "cl.stim",
        "ChannelSet": "cl.stim",
        "DataStream": "cl.data_stream",
        "Recording": "cl.recording",
        "Spike": "cl.events",
        "Stim": "cl.events",
        "StimDesign": "cl.stim",
        "StimPlan": "cl.stim",
    },
)
