"""Feeds an engine from a user's source: code that may take its time, or never return.

The source is asked without the engine's lock: in a thread of its own, or by those who wait for its data, in
theirs. Which of the two it is the source says (`inline`); a source with a thread of its own is also asked by
a wait that blocks the main thread, which is lent to it: a hop to another thread costs more than most sources
do. Whether the source answers is watched from outside (`look`).

What an exception interrupts (Ctrl-C, in the thread that was lent) is a job that stays, and is gone on with by
the next who asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from cl._core import steps
from cl._core.reentry_lock import ReentryLock
from cl._values.constants import HISTORY_FRAMES, NEVER, NOTICE_FRAMES
from cl._values.process_switches import switch_interval
from cl.error import DeviceDisconnectedError
from cl.sim.dish import by_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._core.engine import Engine
    from cl._stim.sequencer import Pulse
    from cl._values.process_switches import Claim
    from cl.sim.device import StreamedDevice

_SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may keep Python from a source that is to be told of a pulse."""
_AHEAD: Final = 2_500
"""Frames that a source whose data nothing changes is asked ahead of time."""


class _Job:
    """What the source is asked for in one go, and how far that has come."""

    __slots__ = ("at", "batches", "first", "pulses", "seconds", "stop")

    def __init__(self, pulses: Sequence[Pulse], first: int, stop: int, seconds: float | None) -> None:
        self.pulses = pulses
        self.first = first
        """Data before this are waited for, where they come by themselves ..."""
        self.stop = stop
        self.seconds = seconds
        """... for so many seconds at most."""
        self.at = 0
        """The pulses before this one the source has been told of."""
        self.batches: list[tuple[int, Any]] = []
        """What the source has given, each with the timestamp that it reaches to."""


class SourcePump:
    """Feeds an engine from a streamed source. See the module."""

    def __init__(self, engine: Engine, device: StreamedDevice, realtime: bool) -> None:
        """`realtime` says that time goes on by itself: a source may be told of pulses in their time."""
        self._engine = engine
        self._device = device
        self._source = source = device.source
        self._wanted = threading.Condition(engine.lock)
        self._turn = threading.Lock()
        """Held by the one who asks the source."""
        self._own = ReentryLock()
        """Taken around the turn: a thread that has it, or is about to, knows, whenever it is interrupted."""
        self._job: _Job | None = None
        self._gathered = engine.position
        """Everything before this has been gathered."""
        self._target = engine.position
        """Up to where frames are waited for."""
        self._demands: list[int] = []
        """A heap of what is waited for: nobody has to wait for more than that."""
        self._awaited: int | None = None
        self._welcome = engine.position
        """Up to where frames are good to have, though nobody waits for them."""
        self._stopping = False
        self._inline = source.inline
        self._lendable = not source.inline and not source.blocking
        self._ahead = 0 if source.reactive or source.blocking else _AHEAD
        self._portions = engine.budget if realtime and source.inline else None
        """How far to go in one go, where an event loop's thread may ask; in accelerated time the windows of a
        source do not depend on the host."""
        self._tells = realtime and source.blocking and source.reactive
        """Whether the source is told of every pulse in its time, whoever asks for the frames around it."""
        self._turns: Claim | None = None
        if self._tells:
            device.stimulator.on_submit = self._on_submit

    def start(self) -> None:
        """Begin."""
        if self._tells:
            # Else a body that computes would keep the source from hearing of its stim for 5 ms.
            self._turns = switch_interval.at_most(_SWITCH_INTERVAL_S)
        if not self._inline:
            self._source.serve(self._run)

    # -- cl._core.supply.Supply -----------------------------------------------------------

    def reach(self, frame: int, lends: bool = False) -> steps.Step:
        """Ask for everything before `frame`, unless it is there or nothing happens until then."""
        engine = self._engine
        if engine.position >= frame:
            return steps.DONE
        if frame <= engine.quiet_until and not engine.standing:
            engine.advance(frame)
            return steps.DONE
        self._demand(frame)
        return steps.PARK if self.asks(lends) is None else steps.ASK

    def deliver(self, frame: int) -> steps.Step:
        """Ask where a waiter is to ask; what a source with a thread of its own has begun comes with time."""
        return self.reach(frame) if self._inline else steps.DONE

    def move(self, frame: int) -> bool:
        engine = self._engine
        if frame <= engine.quiet_until:
            engine.advance(frame)
            return True
        self._demand(frame)
        return False

    def foresee(self, frame: int) -> None:
        """Do nothing: stims may change what comes."""

    def present(self, now: int) -> int:
        """Return what there is already, where nobody knows how long more would take."""
        if self._inline:
            return min(now, self._device.acquisition.end_timestamp)
        return self._engine.position

    def bring_up(self, frame: int) -> None:
        """Ask for what there is before `frame`: where the data end before that, nobody minds."""
        with self._engine.lock:
            self._welcome = max(self._welcome, frame)
            self._wanted.notify()
        if self._inline:
            self.ask()

    def quiet_until(self) -> int:
        device = self._device
        return min(device.acquisition.known, device.dish.sequencer.next_step >> 1)

    def asks(self, lends: bool) -> Callable[[], None] | None:
        if not self.is_awaited() or self._engine.standing or self._turn.locked():
            return None
        if self._inline or (lends and self._lendable and self._source.lend()):
            return self.ask
        self._wanted.notify()
        return None

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        """Ask for everything before `frame`, while a participant is alone; False where others have a part in
        it.

        Without the lock.
        """
        engine = self._engine
        while engine.position < frame:
            with engine.lock:
                if engine.standing or not (engine.is_open() and alone()):
                    return False
                self._demand(frame)
                ask, before = self.asks(lends), engine.position
            if ask is None:
                return False
            ask()
            if engine.position <= before:
                return False
        return not engine.standing

    def is_awaited(self) -> bool:
        return self._target > self._engine.position

    def is_asked_here(self) -> bool:
        return self._own.held_here()  # type: ignore[no-any-return]

    # -- asking ---------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask the source for a portion of what is waited for, in the caller's thread."""
        if self._turn.locked():
            return
        try:
            # Another may have taken it meanwhile: it is waited for then, which is better than a lock that is
            # kept since an interruption has come between taking it and saying so.
            with self._own:
                self._take_turn(lent=not self._inline)
        except DeviceDisconnectedError as error:
            with self._engine.lock:
                self._engine.fail(error)
            if self._inline:
                raise
        finally:
            if self._job is not None and self._engine.is_open():
                self._recall()

    def _take_turn(self, lent: bool) -> None:
        with self._turn:
            if lent:
                with self._source.lent():
                    self._feed()
            else:
                self._feed()

    def _recall(self) -> None:
        """Take back what was demanded: the caller was interrupted, and others who wait demand it anew."""
        engine = self._engine
        with engine.lock:
            self._target = engine.position
            self._demands.clear()
            engine.recall()

    def _demand(self, to: int) -> None:
        heappush(self._demands, to)
        if to > self._target:
            self._target = to
        if self._awaited is not None and to < self._awaited:
            self._source.poke()

    def _on_submit(self) -> None:
        # Whether it waits for demands or for data, it has to look anew when the next pulse begins.
        self._wanted.notify()
        self._source.poke()

    def look(self) -> None:
        """End the device if its source hangs; to be called every now and then."""
        error = self._source.overdue()
        if error is not None:
            with self._engine.lock:
                self._engine.fail(error)

    def settle(self, timeout: float) -> None:
        """Have the pulses that have begun delivered, at most so many seconds long; for after an interrupt."""
        engine = self._engine
        with engine.lock:
            to = engine.committed + NOTICE_FRAMES
            if engine.failure is not None or self._device.dish.sequencer.next_step >> 1 >= to:
                return
            settled = threading.Event()
            self._demand(to)
            engine.on_arrival(to, settled.set)
            self._wanted.notify()
        if self._inline:
            while not settled.is_set() and engine.failure is None:
                self.ask()
        else:
            settled.wait(timeout)

    def stop(self) -> None:
        """Ask for nothing more."""
        if self._turns is not None:
            self._turns.release()
        with self._wanted:
            self._stopping = True
            self._wanted.notify()

    def _run(self) -> None:
        """Ask the source whenever something is waited for: what its own thread does."""
        try:
            while self._await():
                with self._own:
                    self._take_turn(lent=False)
        except BaseException as error:
            with self._engine.lock:
                self._engine.fail(error)

    def _await(self) -> bool:
        """Wait until the source is to be asked; False once it is to be asked no more."""
        engine = self._engine
        with self._wanted:
            while not self._stopping and engine.failure is None:
                seconds = self._next_pulse()[1]
                if seconds is not None and seconds <= 0:
                    return True
                wanted = max(self._target, self._welcome)
                if wanted > engine.position and not engine.standing and not self._turn.locked():
                    return True
                self._wanted.wait(seconds)
        return False

    def _feed(self) -> None:
        """Do one job: decide what it is, ask the source, log what it gave."""
        engine, portions = self._engine, self._portions
        if portions is not None:
            portions.begin()
        with engine.lock:
            before, job = engine.position, self._job
            if job is None:
                if self._stopping or not engine.is_open():
                    return
                job = self._job = self._decide()
        self._gather(job)
        with engine.lock:
            self._awaited = None
            if engine.is_open():
                self._log(job)
            self._job = None
        if portions is not None:
            portions.over(engine.position - before)

    def _decide(self) -> _Job:
        """Return what to ask for now: as far as it is waited for, and a pulse that begins now. Locked."""
        engine = self._engine
        pulse, seconds = self._next_pulse()
        if seconds is None or seconds > 0:
            pulse = -1
        stop = self._next_stop()
        engine.committed = committed = max(engine.committed, stop, pulse + 1)
        pulses = self._device.dish.deliver(committed)
        self._awaited = first = min(self._first_wanted(), committed)
        return _Job(pulses, first, committed, seconds if self._tells else None)

    def _next_stop(self) -> int:
        """Return up to where to go now; raise where there is no more of what is waited for. Locked."""
        engine = self._engine
        position, end = engine.position, self._device.acquisition.end_timestamp
        wanted = max(self._target, self._welcome)
        if wanted <= position or engine.standing:
            return position
        if position < end:
            stop = engine.next_stop(wanted)
            return min(stop, position + engine.budget.frames) if self._inline else stop
        if self._target > position or self._source.failure is not None:
            raise self._why_ended(end)
        self._welcome = position
        return position

    def _why_ended(self, end: int) -> DeviceDisconnectedError:
        failure = self._source.failure
        return failure or DeviceDisconnectedError(f"{self._device.info.name} has ended at frame {end}")

    def _first_wanted(self) -> int:
        """Return what is waited for first, or the next frame where nobody waits. Locked."""
        demands, position = self._demands, self._engine.position
        while demands and demands[0] <= position:
            heappop(demands)
        return demands[0] if demands else position + 1

    def _next_pulse(self) -> tuple[int, float | None]:
        """Return when the source is to be told of a pulse, and in how many seconds. Locked."""
        if not self._tells:
            return -1, None
        step = self._device.dish.sequencer.next_step
        pulse = step >> 1 if step < NEVER else NEVER
        return pulse, None if pulse >= NEVER else self._engine.time.seconds_until(pulse)

    # -- a job ----------------------------------------------------------------------------

    def _gather(self, job: _Job) -> None:
        """Ask the source for everything before the job's end, and tell it of the pulses on the way.

        A live source is told at once. Its data are waited for until those before `first` are there, so many
        seconds have passed, or it is poked; then what there is is gathered.
        """
        source = self._source
        for frame, begun in by_frame(job.pulses[job.at :]):
            # Frames from a pulse's own on follow it: the source knows of it before it makes them.
            if not source.hears_at_once:
                self._read(frame, job)
            source.on_stims(begun)
            job.at += len(begun)
        stop, asked = job.stop, self._asked(job)
        if source.hears_at_once and stop > asked:
            stop = min(stop, self._device.acquisition.end_timestamp)
            stop = source.await_frames(asked, job.first, stop, job.seconds)
        if stop > asked:
            self._read(stop + self._ahead, job)

    def _asked(self, job: _Job) -> int:
        """Return up to where the source has been asked."""
        return job.batches[-1][0] if job.batches else self._gathered

    def _read(self, stop: int, job: _Job) -> None:
        from cl.sim.user.checks import SourceEndedError

        acquisition = self._device.acquisition
        stop = min(stop, acquisition.end_timestamp)
        while (asked := self._asked(job)) < stop:
            block = min(stop, asked + HISTORY_FRAMES // 2)
            try:
                batch = self._source.read(asked, block)
            except SourceEndedError as ended:
                batch = ended.batch
                stop = acquisition.ended_at = asked + len(batch[0])
            job.batches.append((asked + len(batch[0]), batch))

    def _log(self, job: _Job) -> None:
        """Log what was gathered. Again: nothing. Locked."""
        acquisition = self._device.acquisition
        for stop, (frames, timestamps, channels, waveforms) in job.batches:
            acquisition.append(frames, stop)
            acquisition.log_spikes(stop, timestamps, channels, waveforms)
        self._gathered = self._asked(job)
        # The source may have been asked ahead of time, or have ended.
        self._engine.post(min(job.stop, self._gathered))
