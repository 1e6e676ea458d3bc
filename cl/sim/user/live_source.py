"""From a user's live source to the source that the engine knows."""

from __future__ import annotations

import inspect
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cl._values.saying import Log
from cl._values.thread_start import start_thread

from .caller import Caller
from .checks import Fault, SourceEndedError
from .data_source import listens, reacts
from .live_sink import LiveDataSink, SinkClosedError
from .pull import stims_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cl._stim.sequencer import Pulse

    from .checks import Batch, DataSourceError
    from .data_source import SimulatorDataSourceMetadata
    from .live import LiveSimulatorDataSource

_log = Log()

_FIRST_SIGN: Final = 1.0
"""Seconds that opening waits for `start` to return, emit or fail."""
_LAST_WORDS: Final = 5.0
"""Seconds that a start that is still running gets to end."""


class LiveSource:
    """A user's live source, as a `ServedSource` whose `read` waits for what is not there yet.

    `available` says what is there. The source's `start` has a thread of its own, its other methods have
    another.
    """

    blocking = True
    inline = False

    def __init__(
        self,
        source: LiveSimulatorDataSource,
        name: str,
        metadata: SimulatorDataSourceMetadata,
        realtime: bool = True,
    ) -> None:
        self.name = name
        self.start_timestamp = metadata.start_timestamp
        self.uV_per_sample_unit = metadata.uV_per_sample_unit
        self.supports_accelerated = source.supports_accelerated and not metadata.realtime_only
        self.reactive = reacts(source, metadata)
        self.sink = LiveDataSink(metadata.start_timestamp, source.max_buffer_frames, realtime)
        source._device_sink = self.sink
        self._listens = listens(source)
        self._source = source
        self._end = (
            None if metadata.duration_frames is None else metadata.start_timestamp + metadata.duration_frames
        )
        self._timeout = source.read_timeout_seconds
        self.poke = self.sink.poke
        self._call = Caller(name, self._timeout, metadata.own_thread)
        self._starter = _Starter(source, self.sink)
        self._closed = False
        self.serve, self.overdue = self._call.serve, self._call.overdue
        self.lend, self.lent = self._call.lend, self._call.lent
        self.hears_at_once = realtime
        """Whether it can be told of pulses before it is asked for the frames that precede them."""

    @property
    def available(self) -> int:
        """The timestamp up to which `read` does not have to wait."""
        return self.sink.next_timestamp

    @property
    def end_timestamp(self) -> int | None:
        """Where the source ends, as far as that is known: no window goes beyond."""
        if self.sink.closed:
            reached = self.sink.next_timestamp
            return reached if self._end is None else min(reached, self._end)
        return self._end

    @property
    def failure(self) -> DataSourceError | None:
        """What the source ended by, if it failed."""
        cause = self.sink.error
        if cause is None:
            return None
        # Asked with the engine's lock held: nothing of the user's is called here.
        error = self._call.error(f"frames from {self.sink.next_timestamp} on", cause, self.sink.error_text)
        error.__cause__ = cause
        return error

    def open(self) -> None:
        """Open and start the source."""
        try:
            self._call("open", self._source.open)
        except BaseException:
            self._closed = True
            self._call.stop()
            raise
        self._starter.start(self.name)
        self.sink.began.wait(_FIRST_SIGN)
        self.sink.learn_kind()
        cause = self._starter.error
        if cause is not None and not self.sink.used:
            self.close()
            raise self._call.error("start", cause) from cause

    def read(self, start: int, stop: int) -> Batch:
        """Return the data of [start, stop), once they are there; see `StreamedSource`."""
        window = f"frames {start} to {stop}"
        if self._end is not None and stop > self._end:
            raise self._call.error(window, f"it has ended at frame {self._end}")
        try:
            batch = self.sink.read(start, stop, self._timeout)
        except Fault as fault:
            raise self._call.error(window, fault) from None
        if len(batch[0]) < stop - start:
            cause = self.sink.error
            error = self._call.error(window, cause or f"it has ended at frame {self.sink.next_timestamp}")
            raise SourceEndedError(str(error), batch) from cause
        return batch

    def await_frames(self, start: int, first: int, stop: int, seconds: float | None) -> int:
        """Wait so long for the data of [start, first); return up to where `read` would not have to wait."""
        try:
            return self.sink.await_frames(first, stop, seconds, self._timeout)
        except Fault as fault:
            raise self._call.error(f"frames {start} to {stop}", fault) from None

    def on_stims(self, pulses: Sequence[Pulse]) -> None:
        """Tell the source of pulses; see `StreamedSource`."""
        if self._listens:
            tell = partial(self._source.on_stims, stims_of(pulses))
            self._call(f"stims at {pulses[0].timestamp}", self.sink.called_by_device, tell)

    def close(self) -> None:
        """Stop the source, close its sink, close the source. Again: nothing.

        What waits to emit is let go first, so that `stop` can wait for the source's own threads, be it
        that they look whether they are to stop, or that they emit until the sink refuses.
        """
        if self._closed:
            return
        self._closed = True
        self.sink.drain()
        try:
            self._call.finish("stop", self._stop)
        finally:
            if self._starter.cancel():
                # It is to end by that, and not by a sink that refuses what it still emits.
                self._starter.join(_LAST_WORDS)
            self.sink.close()
            if not self._starter.join(_LAST_WORDS):
                _log.warning("data source %s: its start has not ended, its thread is left behind", self.name)
            self._call.close(self._source.close)
            self.sink.emitters.hear_out_at_the_end()

    def _stop(self) -> None:
        self.sink.refuse_soon()
        self._source.stop()


class _Starter:
    """The thread in which a live source's `start` runs, with an event loop where it is async."""

    def __init__(self, source: LiveSimulatorDataSource, sink: LiveDataSink) -> None:
        self._source = source
        self._sink = sink
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._cancelled = False
        self._cancel: Callable[[], object] | None = None
        self.error: BaseException | None = None

    def start(self, name: str) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"cl-live {name}", daemon=True)
        start_thread(self._thread)

    def cancel(self) -> bool:
        """Cancel an async start, and return whether it is one."""
        with self._lock:
            self._cancelled = True
            cancel = self._cancel
        if cancel is not None:
            cancel()
        return cancel is not None

    def join(self, timeout: float) -> bool:
        """Return whether the thread has ended, after waiting so long for it."""
        if self._thread is None or self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result: Any = self._source.start(self._sink)
            if inspect.isawaitable(result):
                self._run_loop(result)
                self._sink.close()
            elif inspect.isgenerator(result) or inspect.isasyncgen(result):
                # A `yield` in it: nothing of it has run, and nobody would iterate over it.
                raise TypeError(f"it returned {type(result).__name__}, nothing that can be awaited")
        except BaseException as error:
            if not self._cancelled and not isinstance(error, SinkClosedError):
                self.error = error
            self._sink.close(self.error)
        finally:
            self._sink.began.set()

    def _run_loop(self, result: Awaitable[None]) -> None:
        import asyncio

        asyncio.run(self._supervise(result))

    async def _supervise(self, result: Awaitable[None]) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(result)
        with self._lock:
            self._cancel = partial(_cancel, loop, task)
            if self._cancelled:
                task.cancel()
        # After its first step: what fails at once is an error of opening.
        loop.call_soon(lambda: None if task.done() else self._sink.began.set())
        try:
            await task
        except asyncio.CancelledError:
            if not self._cancelled:
                raise


def _cancel(loop: Any, task: Any) -> None:
    try:
        loop.call_soon_threadsafe(task.cancel)
    except RuntimeError:  # The loop has ended meanwhile.
        pass
