"""What a simulated device takes its data from: the two kinds of source the engine knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .sequencer import Pulse


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
    """Data that is made as time goes on, window after window, perhaps in answer to stims."""

    start_timestamp: int
    uV_per_sample_unit: float
    reactive: bool
    """Whether `on_stims` changes what follows; if not, it may be asked far ahead of time."""
    blocking: bool
    """Whether `read` waits for what another thread, process or network has not made yet."""

    @property
    def end_timestamp(self) -> int | None:
        """Where the data ends, as far as that is known: no window goes beyond."""
        ...

    def read(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.int16], list[int], list[int], list[tuple[NDArray[np.float32], float] | None]]:
        """Return the frames of [start, stop) and the spikes in it: timestamps, channels, waveforms.

        Called for consecutive windows. The spikes are sorted by timestamp, then channel. A waveform
        of None is cut from the frames when somebody looks.
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
