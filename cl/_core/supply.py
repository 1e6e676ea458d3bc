"""Where a device's data come from: made on demand, asked of a user's source, or posted by a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .steps import Step


class Supply(Protocol):
    """What gives an engine its data. The methods want the engine's lock, but `bring_up`."""

    def reach(self, frame: int, lends: bool = False) -> Step:
        """Give everything before `frame`, as far as that can be done now.

        DONE if it is given; AGAIN where a batch was made, and more is to be made; ASK where the caller is
        to call what `asks` returns (with `lends` its thread may be lent to a user's source for that); PARK
        where it comes by itself.
        """
        ...

    def deliver(self, frame: int) -> Step:
        """Give what is before `frame`, where that needs no other thread; SLEEP where it comes by itself."""
        ...

    def move(self, frame: int) -> bool:
        """Give everything before `frame`; False where it arrives later."""
        ...

    def foresee(self, frame: int) -> None:
        """Log what comes before `frame`, as far as it is known and nothing can change it."""
        ...

    def present(self, now: int) -> int:
        """Return up to where data can be made at once, at the time `now`."""
        ...

    def bring_up(self, frame: int) -> None:
        """Have what there is before `frame` given soon, or up to where the data end.

        Without the lock.
        """
        ...

    def quiet_until(self) -> int:
        """Return up to where time may pass with nothing to give."""
        ...

    def asks(self, lends: bool) -> Callable[[], None] | None:
        """Return what asks a user's source for what is waited for, if the caller is to do that.

        It is to be called without the lock. None where nothing is waited for, or another thread does it.
        """
        ...

    def reach_alone(self, frame: int, lends: bool, alone: Callable[[], bool]) -> bool:
        """Give everything before `frame`, while a participant is `alone`; False where that is not for it to
        do.

        Without the lock.
        """
        ...

    def is_awaited(self) -> bool:
        """Return whether data that were asked for have not come yet."""
        ...

    def is_asked_here(self) -> bool:
        """Return whether the running thread asks a user's source just now. Without the lock."""
        ...
