"""What a device takes its data from: sources of two kinds, and how the simulator drives the second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.sequencer import Pulse
    from cl.error import DeviceDisconnectedError


class FixedSource(Protocol):
    """Data that is a pure function of the timestamp: nothing a program does changes it.

    Any window may be asked for, in any order and any chunking, by any thread; the answers agree.
    """

    start_timestamp: int
    uV_per_sample_unit: float

    def spikes(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return the timestamps and channels of the spikes in [start, stop), sorted by both."""
        ...

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the frames of [start, stop): int16 (stop - start, 64), owned by the caller."""
        ...

    def waveform(self, timestamp: int, channel: int) -> tuple[NDArray[np.float32], float] | None:
        """Return a spike's own samples and mean where the source has them, or None: cut the frames."""
        ...

    def open(self) -> None:
        """Get ready; called once before anything is asked for."""
        ...

    def close(self) -> None:
        """Give back what is held; called once."""
        ...


class StreamedSource(Protocol):
    """Data that is made as time goes on, window after window, perhaps in answer to stims.

    This much is for a caller that asks it one window after the other, as the device emulator does.
    """

    start_timestamp: int
    uV_per_sample_unit: float
    reactive: bool
    """Whether `on_stims` changes what follows; if not, it may be asked far ahead of time."""
    blocking: bool
    """Whether `read` waits for what another thread, process or network has not made yet."""

    @property
    def available(self) -> int | None:
        """Up to where `read` does not have to wait; None where it makes the data itself."""
        ...

    @property
    def end_timestamp(self) -> int | None:
        """Where the data ends, as far as that is known: no window goes beyond."""
        ...

    def read(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.int16], list[int], list[int], list[tuple[NDArray[np.float32], float] | None]]:
        """Return the frames of [start, stop) and the spikes in it: timestamps, channels, waveforms.

        Called for consecutive windows. The spikes are sorted by timestamp, then channel. A waveform
        of None is cut from the frames when it is looked at.
        """
        ...

    def on_stims(self, pulses: Sequence[Pulse]) -> None:
        """Take the pulses delivered at or after the end of the last window, in order, before the next."""
        ...

    def open(self) -> None:
        """Get ready; called once before anything is asked for."""
        ...

    def close(self) -> None:
        """Give back what is held; called once, also after an error."""
        ...


class ServedSource(StreamedSource, Protocol):
    """A streamed source as the simulated device drives it: from a thread of the source's, and watched.

    User code may keep its caller waiting, or never return; so it is never called with the engine's lock
    held. A `read` in whose window the source ends or fails raises SourceEndedError
    (`cl.sim.user.checks`), which has what there was before that.
    """

    name: str
    """What error texts call it."""
    supports_accelerated: bool
    """Whether it may be asked as fast as virtual time goes."""
    inline: bool
    """Whether it is asked by a waiter for its data, in the waiter's thread."""
    hears_at_once: bool
    """Whether it is told of pulses before it is asked for the frames that precede them."""

    @property
    def failure(self) -> DeviceDisconnectedError | None:
        """What its data end by, if that is a failure that came between two calls."""
        ...

    def await_frames(self, start: int, first: int, stop: int, seconds: float | None) -> int:
        """Wait for the data of [start, first); return up to where, `stop` at most, `read` need not wait.

        For so many seconds at most, and not after a `poke`.
        """
        ...

    def poke(self) -> None:
        """End an `await_frames` that waits, from any thread."""
        ...

    def serve(self, work: Callable[[], object]) -> None:
        """Let `work`, which makes all further calls until it returns, run in the source's thread."""
        ...

    def lend(self) -> bool:
        """Return whether the caller's thread can be lent to the source: a hang could be ended there."""
        ...

    def lent(self) -> AbstractContextManager[None]:
        """Lend the caller's thread to the source, within a `with` block."""
        ...

    def overdue(self) -> DeviceDisconnectedError | None:
        """Return the error of a call made by `work` that has not returned in time; from any thread."""
        ...
