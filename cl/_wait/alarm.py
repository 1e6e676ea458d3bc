"""Precise wake-ups of tasks that leave the event loop's thread to the other tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._core.host_clock import host_ns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LEAD_NS: Final = 50_000
"""A timer is set to so long before the time: it takes about as long until the task runs again."""
_LONGEST_NS: Final = 10**15
"""Eleven days. What is farther away is looked at again then: not every timer may hold every number."""


class Timer(Protocol):
    """A timer that one task awaits. It may end too early, and is then started again.

    It is given durations: its clock need not be the one of `host_ns`.
    """

    def start(self, ns: int) -> None:
        """Let it end after so many ns, at least 1, instead of when it was to end before."""
        ...

    def ended(self) -> Awaitable[Any]:
        """Return what to await until it ends. Wanted right after `start`."""
        ...

    def end(self) -> None:
        """End it now; from any thread or signal handler."""
        ...

    def close(self) -> None:
        """End it and give it back, once; from any thread, also when the event loop has been closed."""
        ...


class Alarm:
    """One precise wake-up after another, for one task at a time."""

    __slots__ = ("_checkpoint", "_closed", "_timer", "_woken")

    def __init__(self, timer: Timer, checkpoint: Callable[[], Awaitable[None]]) -> None:
        self._timer = timer
        self._checkpoint = checkpoint
        self._woken = False
        self._closed = False

    async def until(self, due_ns: int) -> bool:
        """Return True as soon after `host_ns() >= due_ns` as can be, or False at once when woken.

        A time that has come is not waited for at all: no other task gets its turn. What is left of the last
        50 µs passes in turns with the other tasks. A closed alarm does not wait.
        """
        timer = self._timer
        while not (self._woken or self._closed):
            left = due_ns - host_ns()
            if left <= 0:
                return True
            if left <= _LEAD_NS:
                await self._checkpoint()
                continue
            timer.start(min(left - _LEAD_NS, _LONGEST_NS))
            if not self._woken:  # By another thread, before the timer was started.
                await timer.ended()
        self._woken = False
        return False

    def wake(self) -> None:
        """End the wait that goes on, or else the next one; from any thread or signal handler."""
        self._woken = True
        if not self._closed:
            self._timer.end()

    def close(self) -> None:
        """End the wait and give the timer back; also from another thread, or after the loop's end."""
        if not self._closed:
            self._closed = self._woken = True
            self._timer.close()

    def __del__(self) -> None:
        self.close()
