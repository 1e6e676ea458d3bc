"""What the engine asks of a device in a time of its own: the hardware, beside `cl._core.device.Device`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.sequencer import Operation


class Remote(Protocol):
    """A device that is where it is, and answers when it likes.

    `begin_loop` and `end_loop` may be called with the engine's lock held; the others are not.
    """

    def submit(self, operations: Sequence[Operation], frame: int, at: int | None) -> None:
        """Have operations taken as of `frame`, or as soon as can be; raise what they are refused for."""
        ...

    def interrupt_all(self, frame: int) -> int:
        """Interrupt all channels; return the frame by which what has begun is delivered."""
        ...

    def wait(self, frame: int) -> bool:
        """Block until everything before `frame` is given or the device is gone; False to wait otherwise."""
        ...

    def opened(self) -> None:
        """Take note that whoever opens it has control by now, if they want it: a failure is the end."""
        ...

    def take_control(self) -> None:
        """Become the one who may command it; ControlRequestError where somebody else is."""
        ...

    def release_control(self) -> None:
        """Let others have control."""
        ...

    def is_running(self) -> bool:
        """Return whether frames come."""
        ...

    def begin_loop(self, period: int) -> int:
        """Return when a loop whose ticks are `period` frames long had best begin."""
        ...

    def end_loop(self, period: int) -> None:
        """Take note that such a loop has ended."""
        ...
