"""Who has control: one session, as long as it is heard of."""

from __future__ import annotations

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
        self._changing = False
        self.holder: Session | None = None

    def is_held_by(self, session: Session) -> bool:
        """Return whether a session has control."""
        return self.holder is session

    async def take(self, session: Session) -> None:
        """Give control to a session; ControlRequestError where another has it."""
        holder = self.holder
        if holder is session:
            return
        if holder is not None or self._changing:
            raise ControlRequestError(
                f"control is held by {holder.name if holder else 'one who gives it back'}"
            )
        self._changing = True
        try:
            # A device may take its time over it.
            await in_thread(self._neurons.take_control)
            self.holder = session
        finally:
            self._changing = False

    async def release(self, session: Session) -> None:
        """Take control back from a session that does not want it any more: everything is interrupted."""
        if self.holder is session:
            await self._end(finishes=False)

    async def _end(self, finishes: bool) -> None:
        self.holder = None
        if finishes:
            return  # The device stays under control here, and delivers what is queued.
        self._changing = True
        try:
            await in_thread(self._neurons.release_control)
        finally:
            self._changing = False

    def has_expired(self) -> bool:
        """Return whether the holder has not been heard of for too long."""
        holder = self.holder
        return holder is not None and host_ns() - holder.heard_ns > self._length_ns

    async def look(self) -> None:
        """End the lease of a holder that is not heard of any more."""
        holder = self.holder
        if holder is None or not self.has_expired():
            return
        what = "what it had queued is delivered" if self._finishes else "everything is interrupted"
        _log.warning(
            "%s had control and has not been heard of for %g s: control is free, and %s",
            *(holder.name, self._length_ns * 1e-9, what),
        )
        await self._end(self._finishes)
