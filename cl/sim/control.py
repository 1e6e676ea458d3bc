"""Control of a simulated device: nobody else wants it, and it runs as long as it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cl._core.engine import Engine


class SimulatedControl:
    """Control that is granted at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self) -> None:
        """Do nothing: nobody else has control."""

    def release(self) -> None:
        """Do nothing: nobody else wants control."""

    def holds(self) -> bool:
        return True

    def is_running(self) -> bool:
        return True

    def next_sign(self) -> int:
        return self._engine.position
