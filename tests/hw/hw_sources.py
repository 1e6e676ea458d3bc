"""Sources for emulators that tests start."""

from __future__ import annotations

from cl.hw.emulator.sources import CounterSource


class Failing(CounterSource):
    """Works for a while, and then no more."""

    def frames(self, start: int, stop: int):  # type: ignore[no-untyped-def]
        if start > 5000:
            start // 0
        return super().frames(start, stop)
