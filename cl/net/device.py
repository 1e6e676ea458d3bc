"""A device across the network as the engine sees it: what happens there is mirrored here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from cl._core.history import FrameRing
from cl._core.losses import Loss
from cl._core.noting import lose
from cl._core.posted import Posted
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.no_op import no_op
from cl._values.saying import Log

from .acquisition import NetworkAcquisition
from .control import NetworkControl
from .stimulator import NetworkStimulator
from .timebase import NetworkTimebase
from .wire.small import Lag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cl._core.device import DeviceInfo
    from cl._core.engine import Engine

    from .link import Link
    from .wire.data import Data

_MOST_FRAMES: Final = 2_500_000
"""Frames that are kept at most for loops with long ticks, and recordings that are late: 100 s, 320 MB."""

_log = Log()


class NetworkDevice:
    """A device at the other end of a link: a `cl._core.attachable.Attachable`, and the link's sink."""

    acquisition: NetworkAcquisition
    stimulator: NetworkStimulator
    control: NetworkControl

    def __init__(self, info: DeviceInfo, link: Link) -> None:
        self.info = info
        self.position = info.start_timestamp
        self._link = link
        self._engine: Engine | None = None
        self._ring: FrameRing | None = None
        self._unsaid: deque[Loss] = deque()

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be told of what happens."""
        link = self._link
        self._engine = engine
        engine.time = self._time = NetworkTimebase(engine, link)
        # What has come is taken by the one thread that reads; there is nothing to be hurried.
        engine.supply = Posted(engine, no_op)
        self._ring = FrameRing(self.info.start_timestamp)
        self.acquisition = NetworkAcquisition(engine, self._ring)
        self.stimulator = NetworkStimulator(engine, link)
        self.control = NetworkControl(engine, link, self._time.clock)

    def open(self) -> None:
        """Begin to follow the device."""
        try:
            self._link.start(self)
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        """Give control back, if it is held, and let go of everything."""
        try:
            self._link.close()
        finally:
            if self._ring is not None:
                self._ring.release()

    def disown(self) -> None:
        """Let go of the connection, which is that of the process that this one is a fork of."""
        self._link.disown()

    # -- Sink -----------------------------------------------------------------------------

    def on_data(self, found: Sequence[Data | Lag]) -> None:
        """Log what has come, and let the engine know."""
        assert self._engine is not None
        engine = self._engine
        at = self.position
        for each in found:
            if isinstance(each, Lag):
                at = self._lag(each, at)
            else:
                assert each.frames is not None
                self._keep(each.frames)
                at = each.stop
        with engine.lock:
            for each in found:
                if isinstance(each, Lag):
                    self._lose(each)
                else:
                    self._log_events(each)
            self.position = at
            if at > engine.position:
                self._time.clock.tell(at)
                engine.post(at)
        self._say()

    def _keep(self, frames: NDArray[np.int16]) -> None:
        assert self._ring is not None and self._engine is not None
        self._ring.grow(min(self._engine.kept_frames, _MOST_FRAMES))
        self._ring.append(frames)

    def _log_events(self, data: Data) -> None:
        assert self._engine is not None
        history = self._engine.history
        if data.spikes.timestamps:
            history.add_spikes(*data.spikes)
        if data.stims.timestamps:
            history.add_stims(*data.stims, data.designs)

    def _lag(self, lag: Lag, at: int) -> int:
        """Put zeros where frames are missing, and return where data go on."""
        import numpy as np

        if not lag.jumps:
            return at
        missing = np.zeros((FRAMES_PER_SECOND, CHANNEL_COUNT), np.int16)
        for start in range(lag.start, lag.stop, FRAMES_PER_SECOND):
            self._keep(missing[: lag.stop - start])
        return lag.stop

    def _lose(self, lag: Lag) -> None:
        """Let everybody know that something is gone. Locked."""
        assert self._engine is not None
        for size, what in ((lag.frames, "frames"), (lag.spikes, "spikes"), (lag.stims, "stims")):
            if size:
                loss = Loss(lag.start, lag.stop, size, what)
                lose(self._engine, loss)
                self._unsaid.append(loss)

    def _say(self) -> None:
        """Log the losses that have not been, without the lock."""
        while self._unsaid:
            start, stop, count, what = self._unsaid.popleft()
            _log.warning(
                "%s: %d %s between the frames %d and %d are missing here",
                *(self.info.name, count, what, start, stop),
            )

    def on_error(self, error: Exception) -> None:
        """End the device."""
        assert self._engine is not None
        self._time.clock.end()
        with self._engine.lock:
            self._engine.fail(error)
        self._say()
