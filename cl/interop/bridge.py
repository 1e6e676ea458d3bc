"""What sends live events to other programs: beside the program, in a thread of its own, or as a task."""

from __future__ import annotations

import importlib.util
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from cl._values.numbers import whole
from cl._values.thread_start import start_thread
from cl._wait.tick_gap import wait_for_tick_gap
from cl.error import DeviceDisconnectedError, LaggedError
from cl.events import Spike, Stim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from cl._core.entries import StreamEntry
    from cl._streams.events import EventStream
    from cl.neurons import Neurons
    from cl.stim import ChannelSet

    Event = Spike | Stim | StreamEntry

_GRACE_FRAMES: Final = 250
"""How long after the end the last events may still be on their way."""
_REST_S: Final = 0.008
"""What comes within it goes out together: more sendings than that cost more than they are worth."""
_DRAIN_S: Final = 0.5
"""How long closing waits until what has happened is sent."""
_LOOK_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class BridgeStatistics:
    """What a bridge has done with the events it was to send."""

    sent: int
    """Events given to the network; what becomes of them there only their receiver knows."""
    dropped: int
    """Events that the network did not take."""
    missed: int
    """Events that the bridge was too slow for, or that the device has lost."""


class Bridge(ABC):
    """Sends spikes, stims and entries of data streams as they happen; a context manager.

    `with Sender(neurons, ...):` sends from a thread of its own, from entering until leaving; `await
    bridge.run()` does it in a task. Nothing waits for a receiver: what one does not take is lost to it, and
    the numbers of messages tell. In wall-clock time a bridge works between the ticks of loops.
    """

    def __init__(
        self, neurons: Neurons, channels: ChannelSet | int | Iterable[int] | None, from_timestamp: int | None
    ) -> None:
        self._neurons = neurons
        self._stream: EventStream[Any] = neurons.events(channels, from_timestamp)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._sent = self._dropped = self._missed = 0
        self._is_virtual = neurons._host_time is None

    def statistics(self) -> BridgeStatistics:
        """Return how many events were sent, dropped and missed."""
        return BridgeStatistics(self._sent, self._dropped, self._missed)

    # -- in a thread ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._open()
        begun = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(begun,), name=f"cl-{type(self).__name__}", daemon=True
        )
        try:
            start_thread(self._thread)
            begun.wait()
        except BaseException:
            if self._thread.ident is None:
                self._thread = None
                self._close()
            else:
                begun.wait()
                self.close()
            raise
        if self._error is not None:
            self.close()
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self._error is not None:
            raise self._error

    def close(self) -> None:
        """Send what has happened up to now, and end. Again: nothing."""
        thread = self._thread
        if thread is None:
            return
        self._drain(thread)
        self._stream.close()
        thread.join()
        self._thread = None

    def _drain(self, thread: threading.Thread) -> None:
        until = time.monotonic() + _DRAIN_S
        while thread.is_alive() and self._stream.statistics().backlog and time.monotonic() < until:
            time.sleep(_LOOK_S)

    def _work(self, begun: threading.Event) -> None:
        import anyio

        try:
            anyio.run(self._follow, None, begun.set, backend_options={"use_uvloop": _has_uvloop()})
        except BaseException as error:
            self._error = error
        finally:
            begun.set()
            self._close()

    # -- as a task ------------------------------------------------------------------------

    async def run(self, until: int | None = None) -> None:
        """Send in this task, until a timestamp (None: until the device is closed, or the task cancelled)."""
        end = None if until is None else whole(until, "until", 0)
        self._open()
        try:
            await self._follow(end, lambda: None)
        finally:
            self._close()

    async def _follow(self, until: int | None, begun: Callable[[], None]) -> None:
        import anyio

        async with self._stream as stream, anyio.create_task_group() as group:
            begun()
            if until is not None:
                group.start_soon(self._end_at, until + _GRACE_FRAMES)
            for task in self._more_tasks():
                group.start_soon(task)
            with suppress(DeviceDisconnectedError):
                while events := await self._batch(stream):
                    wait_for_tick_gap(self._neurons._engine)
                    self._send(events if until is None else [e for e in events if _is_before(e, until)])
                    if until is not None and not _is_before(events[-1], until):
                        break
                    if not self._is_virtual:
                        await anyio.sleep(_REST_S)
            group.cancel_scope.cancel()

    async def _batch(self, stream: EventStream[Event]) -> list[Event]:
        """Return the next events, none at the end; count what was missed."""
        while True:
            try:
                return await stream.batch()
            except LaggedError as error:
                self._missed += error.missed

    async def _end_at(self, timestamp: int) -> None:
        await self._neurons.asleep_until(timestamp)
        self._stream.close()

    # -- what the kinds differ in ---------------------------------------------------------

    def _more_tasks(self) -> list[Any]:
        """Return what is to run beside."""
        return []

    @abstractmethod
    def _open(self) -> None:
        """Get ready to send; errors are the caller's."""

    @abstractmethod
    def _send(self, events: list[Event]) -> None:
        """Send some events, in order, without waiting for anything."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of what `_open` got."""


def phases_of(stim: Stim) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the durations in µs and the currents in µA of a stim's phases, none where they are not known."""
    design = stim.design
    return ((), ()) if design is None else (design.phase_durations_us, design.phase_currents_uA)


def _has_uvloop() -> bool:
    return importlib.util.find_spec("uvloop") is not None


def _is_before(event: Event, until: int) -> bool:
    """Return whether an event is to be sent; entries carry any timestamp."""
    return event.timestamp < until or not isinstance(event, Spike | Stim)
