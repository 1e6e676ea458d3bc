"""Where a task parks until it is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Parker(Protocol):
    """One wait of one task."""

    def arm(self) -> None:
        """Make the place ready for one more wait."""
        ...

    def wake(self) -> None:
        """Wake the task; from any thread, also before it parks."""
        ...

    def park(self) -> Awaitable[Any]:
        """Return what to await until woken."""
        ...

    def park_for(self, seconds: float) -> Awaitable[Any]:
        """Return what to await until woken, or until so much real time has passed."""
        ...
