"""`Neurons`: an open device, for synchronous and asynchronous programs alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, overload

from ._core.clock_relation import HostTime
from ._core.device_log import told
from ._core.participant import SLEEP, Hold
from ._neurons.annotating import AnnotatingMethods
from ._neurons.awaited import AwaitedMethods
from ._neurons.budgets import BudgetMethods
from ._neurons.host_time import HostTimeMethods
from ._neurons.recording import RecordingMethods
from ._neurons.streams import StreamMethods
from ._stim.advice import StimAdvice
from ._values.constants import CHANNEL_COUNT, FRAME_NS, FRAMES_PER_SECOND
from ._values.lazy import lazy_names
from ._values.numbers import whole
from ._values.rates import seconds_to_frames
from ._wait import threads
from ._wait.body import current_body
from ._wait.reading import Reading
from .error import DeviceDisconnectedError
from .events import DetectionResult
from .loop import AsyncLoop, Loop
from .recording import Recordings
from .stim import (
    BurstDesign,
    ChannelSet,
    StimDesign,
    StimPlan,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._core.engine import Engine
    from ._core.stim_watchdog import StimWatchdog
    from ._stim.budget_keeper import BudgetKeeper
    from ._stim.sequencer import Operation

_READ_BLOCK = FRAMES_PER_SECOND
"""Long reads are put together from blocks of this size, so that none outlives the history."""
_HEAVY_READ = 5_000
"""Frames that take longer to make than a task may keep its event loop from the others."""


class Neurons(
    AnnotatingMethods, StreamMethods, RecordingMethods, AwaitedMethods, BudgetMethods, HostTimeMethods
):
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
    def simulation(self) -> dict[str, Any] | None:
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

    def timestamp(self) -> int:
        """Return the present device time, a frame number.

        In a loop body it is at least `tick.iteration_timestamp`, and greater than what any
        earlier tick of that loop got.
        """
        engine = self._engine
        engine.check()
        now = engine.now()
        body = current_body.get()
        if body is not None and body.serves is engine:
            now = body.given = max(now, body.floor)
        return now

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
            start, stop = self._begin_reading(reading, frame_count, from_timestamp)
            for low, high in _blocks(start, stop, reading):
                if self._engine.position < high:
                    threads.wait(self._engine, reading.participant, high)
                parts.append(self._part(low, high, analysis))
        finally:
            reading.end()
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
        from ._wait import tasks

        if (found := self._at_hand(frame_count, from_timestamp, analysis)) is not None:
            return found
        if from_timestamp is not None:
            await tasks.catch_up(self._engine)
        reading, parts = Reading(self._engine, "aread"), []
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
        frames = seconds_to_frames("seconds", seconds)
        await self.asleep_until(self._engine.now() + frames)

    async def asleep_until(self, timestamp: int) -> None:
        """Sleep until device time has come to `timestamp`; at once if it has passed."""
        from ._wait import tasks

        deadline = whole(timestamp, "timestamp", 0)
        await tasks.wait_once(self._engine, "asleep", SLEEP, deadline)

    @contextmanager
    def hold(self, name: str = "hold") -> Iterator[None]:
        """Hold accelerated time within a `with` block, for threads and real I/O that work for it.

        Nobody who waits is served before the block has ended. In wall-clock time it does nothing.
        """
        engine = self._engine
        hold = Hold(object(), name, transient=False)
        threads.refuse_reentry(engine)
        try:
            with engine.lock:
                engine.check()
                engine.time.take_hold(hold)
            yield
        finally:
            # First, which no interruption can come before: the lock is taken by a call, where one may.
            hold.over = True
            with engine.lock:
                engine.time.give_back(hold)
                threads.go_on(engine)

    # -- stimulation ----------------------------------------------------------------------

    def stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Queue a pulse, or a burst of them, on each channel of the set, starting together.

        A number x as `stim_design` means StimDesign(160, -x, 160, x). `lead_time_us` is the time
        from now to the first pulse, at least 80 and a multiple of 20. In a loop body "now" is the
        tick's `iteration_timestamp`. Raises `TypeError`, `ValueError`, or one of the
        `TransactionRejected` errors, and then has queued nothing.
        """
        self._submit(stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice))

    def interrupt(self, channel_set: ChannelSet | int, /) -> None:
        """Drop what is queued on the channels, behind the pulse that has begun its notice."""
        self._submit(interrupt_operations(channel_set))

    def interrupt_then_stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Interrupt the channels and queue a new stim on them, in one transaction."""
        self._submit(
            interrupt_then_stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice)
        )

    def sync(self, channel_set: ChannelSet | int, /) -> None:
        """Let each of the channels wait until all of them have come to this point of their queues."""
        self._submit(sync_operations(channel_set))

    @property
    def stimulation_suspended(self) -> bool:
        """Whether the watchdog has ended stimulation; see `resume_stimulation`."""
        return self._watchdog is not None and self._watchdog.halted

    def resume_stimulation(self) -> None:
        """Let stimulation go on after the watchdog has ended it; nothing happens where it has not.

        What was queued is gone. `ControlRequiredError` without control.
        """
        self._require_control()
        if self._watchdog is not None:
            self._watchdog.check()
            if self._watchdog.halted:
                self._watchdog.resume()

    def create_stim_plan(self) -> StimPlan:
        """Return an empty plan of stimulation commands, to be run as one, again and again."""
        self._require_control()
        log = self._engine.history.log
        number = log.plans = log.plans + 1
        return StimPlan(
            lambda operations, at: self._submit(operations, at, number),
            self._preview,
            self._advice,
            lambda operations, at: self._asubmit(operations, at, number),
        )

    def _submit(
        self, operations: tuple[Operation, ...], at_timestamp: int | None = None, plan: int = 0
    ) -> None:
        if not self._control or not self._started:
            self._refuse(operations, plan)
        engine = self._engine
        if engine.lock.held_here():
            threads.refuse_reentry(engine)
        if self._watchdog is not None:
            self._watchdog.check()
        self._submit_to(operations, self._present(), at_timestamp, plan)

    def _refuse(self, operations: tuple[Operation, ...], plan: int) -> None:
        """Raise why no command is taken, and log it."""
        try:
            self._require_control()
        except DeviceDisconnectedError:
            raise
        except RuntimeError as error:
            engine, present = self._engine, self._present()
            with engine.lock:
                engine.history.log.command(present, operations, present, plan, told(error))
            raise

    def _present(self) -> int:
        engine = self._engine
        body = current_body.get()
        if body is not None and body.serves is engine:
            # In a body: as of the tick, which is the position unless more has been given since.
            return engine.position
        return engine.now()


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
    {"DataStream": "cl.data_stream", "Recording": "cl.recording", "Spike": "cl.events", "Stim": "cl.events"},
)
