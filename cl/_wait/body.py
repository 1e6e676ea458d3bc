"""Which loop's body the running code is in: commands and timestamps in a body follow its tick."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cl._core.engine import Engine


class Body(Protocol):
    """A loop whose body runs."""

    serves: Engine | None
    """The engine that the loop runs on, None once it has ended: contexts may outlive it."""
    given: int
    """The last `neurons.timestamp()` that this tick got, or -1."""
    floor: int
    """The least `neurons.timestamp()` that this tick may get."""


current_body: ContextVar[Body | None] = ContextVar("cl_body", default=None)
