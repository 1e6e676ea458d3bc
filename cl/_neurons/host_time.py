"""The part of `Neurons` that relates frames to the host's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.numbers import whole

if TYPE_CHECKING:
    from cl._core.clock_relation import HostTime
    from cl._core.engine import Engine


class HostTimeMethods:
    """`host_ns`, `timestamp_at` and `clock_error_ns`: wall-clock time and devices only.

    In accelerated time, which has nothing to do with the host's, they raise `RuntimeError`.
    """

    _engine: Engine
    _host_time: HostTime | None

    def host_ns(self, timestamp: int) -> int:
        """Return the `time.monotonic_ns()` from which on the frame `timestamp` is the present.

        For frames of the past and of the future. On the simulator that is how frames are made; a device's
        is what it is found to be, within `clock_error_ns()`, and may be found a little different later.
        """
        return self._required("host_ns").ns(whole(timestamp, "timestamp", 0))

    def timestamp_at(self, host_ns: int) -> int:
        """Return the timestamp that is the present when `time.monotonic_ns()` is `host_ns`.

        `timestamp_at(host_ns(t))` is t. A moment before the first frame gives less than its timestamp,
        below 0 perhaps.
        """
        return self._required("timestamp_at").timestamp(whole(host_ns, "host_ns"))

    def clock_error_ns(self) -> int:
        """Return by how much `host_ns` may be off for a present frame, in ns.

        On the simulator: 40 000, since a timestamp stands for a frame of that length, and what is not known
        of the host's own clocks, a fraction of a µs. On a device also how late its interrupts are noticed,
        and what the clocks may have drifted since the one that was noticed best: some 0.1 ms.
        """
        return self._required("clock_error_ns").error_ns()

    def _required(self, name: str) -> HostTime:
        self._engine.check()
        if self._host_time is None:
            raise RuntimeError(f"{name}: accelerated time has nothing to do with the host's clock")
        return self._host_time
