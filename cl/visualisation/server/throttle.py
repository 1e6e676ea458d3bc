"""How much goes through a kernel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

RATE: Final = 600_000
"""Bytes a second. A Jupyter server drops what a kernel tells beyond 1 MB a second, its outputs included."""
BURST: Final = 1_000_000


class Throttle:
    """Lets so many bytes pass a second, for all frames of a kernel together."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left = float(BURST)
        self._looked = clock()

    async def take(self, size: int) -> None:
        """Wait until there is room again after what was taken before, and take some."""
        self._fill()
        while self._left < 0:
            await self._sleep(min(0.1, -self._left / RATE + 0.001))
            self._fill()
        self._left -= size

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(BURST, self._left + RATE * (now - self._looked))
        self._looked = now
