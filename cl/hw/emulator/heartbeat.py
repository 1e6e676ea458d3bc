"""The emulated device's watch over its controller: signs of life, and what comes of it without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl.hw.wire.layout import WATCHDOG_SINCE, ClientRegister

if TYPE_CHECKING:
    from .server import Client


class Heartbeat:
    """Looks whether the controller counts its sign of life up, if it has said that it does."""

    def __init__(self) -> None:
        self._controller: Client | None = None
        self._beat = 0
        self._since_ns = 0
        self._limit_ns = 0

    def restart(self) -> None:
        """Count from now on."""
        self._controller = None

    def is_missing(self, controller: Client | None, now_ns: int) -> bool:
        """Return whether there was no sign of life for as long as the controller has said."""
        if controller is None or controller.page is None or controller.version < WATCHDOG_SINCE:
            return False
        words = controller.page.words
        limit_ns = words[ClientRegister.HEARTBEAT_MS] * 1_000_000
        beat = words[ClientRegister.HEARTBEAT]
        if controller is not self._controller or beat != self._beat or limit_ns != self._limit_ns:
            self._controller, self._beat, self._limit_ns = controller, beat, limit_ns
            self._since_ns = now_ns
        return limit_ns > 0 and now_ns - self._since_ns >= limit_ns
