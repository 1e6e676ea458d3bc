"""Who has control: one session, as long as it is heard of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cl._core.host_clock import host_ns
from cl._values.offload import in_thread
from cl._values.saying import Log
from cl.error import ControlRequestError

if TYPE_CHECKING:
    from cl.neurons import Neurons

    from .sessions import Session

_log = Log()


class Lease:
    """Control of the device that is served. For the event loop's thread."""

    def __init__(self, neurons: Neurons, seconds: float, finishes: bool) -> None:
        self._neurons = neurons
        self._length_ns = int(seconds * 1e9)
        self._finishes = finishes
        self._changing = asyncio.Lock()
        """Held while the device gives or takes control, for which it may take its time."""
        self.holder: Session | None = None

    def is_held_by(self, session: Session) -> bool:
        """Return whether a session has control."""
        return self.holder is session

    async def take(self, session: Session) -> None:
        """Give control to a session; ControlRequestError where another has it."""
        async with self._changing:
            holder = self.holder
            if holder is session:
                return
            if holder is not None:
                raise ControlRequestError(f"control is held by {holder.name}")
            await in_thread(self._neurons.take_control)
            self.holder = session

    async def release(self, session: Session, finishes: bool = False) -> None:
        """Take control back from a session, if it has it: everything is interrupted, or delivered."""
        async with self._changing:
            if self.holder is not session:
                return
            self.holder = None
            if not finishes:
                await in_thread(self._neurons.release_control)
            # Else the device stays under control here, and delivers what is queued.

    async def look(self) -> None:
        """End the lease of a holder that is not heard of any more."""
        holder = self.holder
        if holder is None or host_ns() - holder.heard_ns <= self._length_ns:
            return
        what = "what it had queued is delivered" if self._finishes else "everything is interrupted"
        _log.warning(
            "%s had control and has not been heard of for %g s: control is free, and %s",
            *(holder.name, self._length_ns * 1e-9, what),
        )
        await self.release(holder, self._finishes)
