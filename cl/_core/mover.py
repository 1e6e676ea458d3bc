"""What moves virtual time for its scheduler, and how far in one go."""

from __future__ import annotations

from typing import Protocol


class Mover(Protocol):
    """What moves time: the devices that share it."""

    @property
    def position(self) -> int:
        """Where time is."""
        ...

    def where(self) -> int | None:
        """Return where time is; None where a consumer has to take what there is before anyone is served."""
        ...

    def move(self, to: int) -> bool:
        """Move device time towards `to`; return False where it arrives later, by itself."""
        ...


class Budget(Protocol):
    """How much is moved in one call: a `cl._core.work_budget.WorkBudget`."""

    def now(self) -> int:
        """Return the present, in ns, as others who read the host's clock see it."""
        ...

    def begin(self) -> int:
        """Begin, and return how many frames to move in one go."""
        ...

    def over(self, moved: int) -> bool:
        """Return whether it is enough, `moved` frames later."""
        ...
