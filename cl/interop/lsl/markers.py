"""Markers of an LSL stream, written into a data stream."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import pylsl

from cl._values.saying import say
from cl._values.thread_start import start_thread
from cl.error import DeviceDisconnectedError

from .lsl_time import LslTime

if TYPE_CHECKING:
    from types import TracebackType

    from cl.neurons import Neurons

_LOOK_S: Final = 0.2
"""How long a look for the stream, or for a marker, takes until it is seen whether it is still wanted."""
_CORRECTION_S: Final = 1.0


class Markers:
    """Writes the samples of the LSL stream `name` into a data stream, `stream_name`; a context manager.

    An entry is `{"value": ..., "lsl_time": ...}`: the sample, a list where it has several channels, and its
    stamp on this computer's clock. Its timestamp is the frame of that moment; a moment that is not after the
    last marker's, or lies in the future, is moved to the nearest frame that there may be. The stream is
    waited for, as long as it takes, and again where it goes away. RuntimeError in accelerated time.
    """

    def __init__(self, neurons: Neurons, name: str, stream_name: str | None = None) -> None:
        self._time = LslTime(neurons)
        self._neurons = neurons
        self._name = name
        self._stream = neurons.create_data_stream(
            name if stream_name is None else stream_name, {"lsl_stream": name}
        )
        self._last = -1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._connected = threading.Event()
        self._error: BaseException | None = None

    def wait_for_stream(self, timeout: float | None = None) -> bool:
        """Block until the LSL stream was found; return whether it was in time."""
        return self._connected.wait(timeout)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, name="cl-Markers", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self._error is not None:
            raise self._error

    def close(self) -> None:
        """End, and close the data stream. Again: nothing."""
        self._stop.set()
        if self._thread is not None:
            if self._thread.ident is not None:
                self._thread.join()
            self._thread = None
        self._stream.close()

    async def run(self) -> None:
        """Write markers until the task is cancelled or the device is closed."""
        from anyio import to_thread

        try:
            await to_thread.run_sync(self._follow, abandon_on_cancel=True)
        finally:
            self._stop.set()
            self._stream.close()

    def _work(self) -> None:
        try:
            self._follow()
        except BaseException as error:
            self._error = error

    def _follow(self) -> None:
        with suppress(DeviceDisconnectedError):
            while not self._stop.is_set():
                found = pylsl.resolve_byprop("name", self._name, 1, _LOOK_S)
                if found:
                    self._take(pylsl.StreamInlet(found[0]))

    def _take(self, inlet: pylsl.StreamInlet) -> None:
        correction = 0.0
        with suppress(pylsl.util.LostError):
            while not self._stop.is_set():
                with suppress(pylsl.util.TimeoutError):
                    correction = inlet.time_correction(_CORRECTION_S)
                    inlet.open_stream(_CORRECTION_S)
                    self._connected.set()
                    break
            while not self._stop.is_set():
                try:
                    sample, stamp = inlet.pull_sample(_LOOK_S)
                except UnicodeDecodeError as error:
                    say(f"markers: one of {self._name!r} is no text in UTF-8: {error}")
                    continue
                if sample is not None:
                    with suppress(pylsl.util.TimeoutError):
                        correction = inlet.time_correction(_LOOK_S)
                    self._write(sample, stamp + correction)

    def _write(self, sample: list[Any], stamp: float) -> None:
        # The device may not have given the frames of the present yet.
        present = self._neurons.timestamp_at(time.monotonic_ns())
        at = min(self._time.timestamp(stamp), present)
        self._last = at = max(at, self._last + 1, 0)
        self._stream.append(at, {"value": sample[0] if len(sample) == 1 else sample, "lsl_time": stamp})
