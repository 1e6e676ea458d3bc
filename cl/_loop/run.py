"""What every loop shares: its parameters, and the decisions of one pass over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from cl._core.device_log import Happening, LogKind
from cl._core.lateness import Lateness, LoopStatistics
from cl._core.noting import note
from cl._core.participant import LOOP, Participant
from cl._values.constants import FRAME_NS, FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl._values.rates import duration_ticks, exact, frames_per_tick, ordinal, seconds_to_frames
from cl._values.saying import say
from cl._wait import threads
from cl._wait.body import Body, current_body

from .tick import LoopTick

if TYPE_CHECKING:
    from cl._core.engine import Engine

_JITTER_WARNING = (
    "Warning: Jitter detection is currently not supported in cl-sdk. This may lead to unexpected\n"
    "loop timing behaviour if your loop body takes a long time to execute.\n"
    "It is off on the simulator unless it is asked for: CL_SDK_JITTER_DETECTION=1 switches it on."
)
"""The first sentences are those of cl-sdk, word for word; the last line is ours."""
_body: Final = current_body.get
"""Bound beforehand, which in Python 3.11 saves a look for the method in each tick."""
_said: set[str] = set()
"""What has been said on stderr, once per process, as the contract has it."""


class LoopBase:
    """A loop's parameters, and what may be asked of it from anywhere."""

    # Loops are many: their own attributes need no dict, which is there for those that a program may add.
    __slots__ = (
        "__dict__", "__weakref__", "_engine", "_lateness", "_raises", "_recovery", "_start", "_stopping",
        "_ticks_per_second", "_tolerance", "duration_ticks", "frames_per_tick",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        ticks_per_second: float,
        stop_after_seconds: float | None = None,
        stop_after_ticks: int | None = None,
        ignore_jitter: bool = False,
        jitter_tolerance_frames: int = 0,
    ) -> None:
        self.frames_per_tick = frames_per_tick(ticks_per_second)
        self.duration_ticks = duration_ticks(ticks_per_second, stop_after_seconds, stop_after_ticks)
        self._tolerance = whole(jitter_tolerance_frames, "jitter_tolerance_frames", 0, floats=True)
        self._ticks_per_second = ticks_per_second
        self._engine = engine
        self._raises = engine.device.info.detects_jitter and not ignore_jitter
        self._start: int | None = None
        self._stopping = False
        self._recovery: tuple[Callable[[LoopTick], Any] | None, int, float] | None = None
        self._lateness = Lateness()
        _note_odd_rate(ticks_per_second, self.frames_per_tick)

    @property
    def start_timestamp(self) -> int:
        """The timestamp at which the first tick's window begins; `RuntimeError` before the start."""
        if self._start is None:
            raise RuntimeError("the loop has not started: its first tick sets start_timestamp")
        return self._start

    @property
    def duration_frames(self) -> int | None:
        """The frames of all its ticks, or None for a loop without an end."""
        return None if self.duration_ticks is None else self.duration_ticks * self.frames_per_tick

    def approximate_duration_seconds(self) -> float | None:
        """Return the seconds that it takes, or None for a loop without an end."""
        frames = self.duration_frames
        return None if frames is None else frames / FRAMES_PER_SECOND

    def stop(self) -> None:
        """End the loop when its next tick is asked for, also the first one."""
        self._stopping = True

    def recover_from_jitter(
        self,
        handle_recovery_tick: Callable[[LoopTick], Any] | None = None,
        timeout_seconds: float = 5.0,
    ) -> None:
        """Let the running iteration be late: those that it covers are skipped, then the loop goes on.

        Each skipped iteration is handed to `handle_recovery_tick`. A loop that has not caught up
        within `timeout_seconds` of device time raises `TimeoutError`.
        """
        if handle_recovery_tick is not None and not callable(handle_recovery_tick):
            raise TypeError(f"handle_recovery_tick must be callable, not {handle_recovery_tick!r}")
        frames = seconds_to_frames("timeout_seconds", timeout_seconds)
        self._recovery = (handle_recovery_tick, self._engine.now() + frames, float(timeout_seconds))

    def statistics(self) -> LoopStatistics:
        """Return how late the ticks have been so far: count, p50, p99, p99.9 and max."""
        return self._lateness.statistics()


class Run:
    """One pass over a loop: its decisions, which the sync and the async iterator act on."""

    __slots__ = (
        "_began_late_ns", "_begun", "_late_index", "_lateness", "_logged_late", "_outer", "due", "engine",
        "floor", "given",
        "index", "known_losses", "loop", "n", "participant", "serves", "tick", "total",
    )  # fmt: skip

    def __init__(self, loop: LoopBase) -> None:
        engine = loop._engine
        _warn_about_jitter(engine)
        self.engine = engine
        self.serves: Engine | None = engine
        self.loop = loop
        self._lateness = loop._lateness
        self.n = n = loop.frames_per_tick
        self.total = -1 if loop.duration_ticks is None else loop.duration_ticks
        self.participant = Participant(f"a loop at {loop._ticks_per_second}/s", LOOP, n)
        self.given = self.floor = -1
        self._outer: Body | None = None
        self._begun = False
        self.index = self.due = self.known_losses = 0
        self._late_index, self._began_late_ns = -1, 0
        self._logged_late = -2, 0
        """The last tick that was late, and by how many frames the one was that has been logged."""
        self.tick = LoopTick(loop, engine, n)

    def begin(self) -> None:
        """Take part from now on. To be closed, also where this is interrupted."""
        engine, loop, n = self.engine, self.loop, self.n
        threads.refuse_reentry(engine)
        with engine.lock:
            engine.check()
            self._begun = True
            start = engine.time.begin_loop(n)
            self.due = start + n
            if self.total >= 0:
                self.participant.goal = start + self.total * n
            self.known_losses = engine.losses.total
            engine.time.join(self.participant)
            # Its thread may get its turn late, and the first tick would be missed.
            engine.time.expect(self.participant)
            loop._start = start
            loop._recovery = None
            engine.runs[self] = None
            if n > FRAMES_PER_SECOND:
                engine.keep(n)

    def over(self) -> bool:
        """Return whether no further tick is to run."""
        return self.loop._stopping or self.index == self.total

    def enter(self, due: int) -> LoopTick:
        """Set the tick for the body that is about to run."""
        if _body() is not self or self.given >= 0:
            self.enter_body()
        tick = self.tick
        tick.iteration = self.index
        tick.iteration_timestamp = due
        tick._analysis = tick._frames = None
        return tick

    def enter_body(self) -> None:
        """Let the running code be the loop's body, and what it asks for the time go on from tick to tick."""
        if current_body.get() is not self:
            self._outer = current_body.get()
            current_body.set(self)
        if self.given >= 0:
            self.floor = self.given + 1
            self.given = -1

    def leave(self) -> None:
        """Take note that a body has ended."""
        self.index += 1
        self.due += self.n

    def look_again(self) -> None:
        """Take note that a command has been given, of which something may come. Locked."""
        self.tick.look_again()

    def late(self, now: int) -> bool:
        """Decide about a tick that is asked for at `now`, after its due time: raise, or let it pass.

        Return whether the loop is in recovery, so that the tick is to be skipped.
        """
        behind = now - self.due
        if behind > self.loop._tolerance:
            self._log_lateness(behind)
        self._check_backlog(now)
        if self.loop._recovery is not None:
            return True
        if self.loop._raises and behind > self.loop._tolerance:
            raise TimeoutError(self._jitter_text(behind))
        return False

    def _log_lateness(self, behind: int) -> None:
        """Log a late tick; of several in a row only those that are twice as late as the last one told of.

        A loop that never catches up would fill recordings with rows that say nothing new.
        """
        last, told = self._logged_late
        if self.index == last + 1 and behind < 2 * told:
            self._logged_late = self.index, told
            return
        self._logged_late = self.index, behind
        text = f"{self.participant.name}, iteration {self.index}"
        note(self.engine, Happening(self.due, LogKind.LATE, text, value=behind))

    def _check_backlog(self, now: int) -> None:
        """Raise if the next tick's window is no longer in the history."""
        oldest = now - self.engine.kept_frames
        if self.due - self.n < oldest:
            raise TimeoutError(
                f"Loop fell behind by {_frames(now - self.due)} when entering the {ordinal(self.index + 1)} "
                f"iteration: what it was to see is older than the history, which begins at {oldest}."
            )

    def _jitter_text(self, behind: int) -> str:
        tolerance = self.loop._tolerance
        return (
            f"Loop fell behind by {_frames(behind)} when entering the {ordinal(self.index + 1)} "
            f"iteration. Jitter tolerance is currently set to {tolerance} frame{'s' * (tolerance != 1)}. "
            "Ideally - optimise the worst-case performance of your loop body. You may also adjust the "
            f"jitter tolerance via jitter_tolerance_frames={behind}, or ignore jitter entirely via "
            f"ignore_jitter=True.{self._late_beginning(behind)}"
        )

    def _late_beginning(self, behind: int) -> str:
        """Return what to say where the last body took less than a tick, but began a whole tick late."""
        began = self._began_late_ns // FRAME_NS if self._late_index == self.index - 1 else 0
        if began < max(behind, self.n):
            return ""
        return (
            f" The body is not what took long: it began {_frames(began)} late, since its data came late (a "
            "source of one's own may give them in portions longer than a tick) or the computer was busy."
        )

    def check_losses(self) -> None:
        """Raise LaggedError if the device has lost something while the loop ran."""
        losses = self.engine.losses
        if losses.total != self.known_losses:
            raise losses.since(self.known_losses)

    def recovery(self) -> Iterator[tuple[LoopTick, Callable[[LoopTick], Any] | None]]:
        """Skip the ticks that are due: yield each, entered, with the handler to call on it."""
        loop, engine = self.loop, self.engine
        assert loop._recovery is not None
        handler, deadline, seconds = loop._recovery
        while not self.over() and self.due <= engine.now():
            if engine.now() > deadline:
                raise TimeoutError(
                    f"Loop has not recovered from jitter within {seconds:g} s: it is still "
                    f"{_frames(engine.now() - self.due)} behind at the {ordinal(self.index + 1)} iteration."
                )
            self._check_backlog(engine.now())
            self._lateness.add((engine.now() - self.due) * FRAME_NS)
            yield self.enter(self.due), handler
            self.leave()
        loop._recovery = None

    def count(self, due: int) -> None:
        """Count a tick whose body begins now."""
        late = self.engine.time.lateness_ns(due)
        if late <= 0:
            self._lateness.punctual += 1
        else:
            self._lateness.add(late)
            self._late_index, self._began_late_ns = self.index, late

    def finish(self) -> None:
        """Set the tick to how many have run: the loop has come to its end."""
        self.tick.iteration = self.index

    def close(self) -> None:
        """Free what the run holds; the device is ready for the next loop.

        To be called again where it was interrupted, or may have been just before.
        """
        if current_body.get() is self:
            current_body.set(self._outer)
        self.serves = None
        engine = self.engine
        if self in engine.runs:
            engine.runs.pop(self, None)
            if self.loop._stopping and all(run.loop is not self.loop for run in tuple(engine.runs)):
                # What was to end has ended: the loop can be iterated over again.
                self.loop._stopping = False
        if self._begun:
            threads.drop(engine, self.participant)
            self._begun = False
            engine.time.end_loop(self.n)
            self.tick.keep()


def _frames(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)} ({count * FRAME_NS // 1000} µs)"


def _warn_about_jitter(engine: Engine) -> None:
    if not engine.device.info.detects_jitter:
        _say_once(_JITTER_WARNING)


def _note_odd_rate(ticks_per_second: Any, n: int) -> None:
    if n * exact("ticks_per_second", ticks_per_second) != FRAMES_PER_SECOND:
        _say_once(
            f"Note: ticks_per_second={ticks_per_second} does not divide {FRAMES_PER_SECOND}: the loop runs "
            f"at {FRAMES_PER_SECOND / n:.6g} ticks per second ({n} frames a tick)."
        )


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        say(text)
