"""What an executor's worker is given of a run: plain values, which any of them can carry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """What a worker imports, and for which sweep: workers of one sweep serve no other one."""

    sweep: str
    module: str
    name: str
    file: str | None
    path: tuple[str, ...]
    """Folders in which modules are looked for, in that order."""
    simulator: dict[str, Any]
    """The arguments of the runs' `Simulator`, without the seed."""
    variables: dict[str, str]
    """What the environment says of every device."""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as it is handed to an executor."""

    origin: Origin
    id: str
    params: dict[str, Any]
    seed: int
    folder: str
    code: str
    timeout: float | None
    retries: int

    def plain(self) -> dict[str, Any]:
        """Return what its worker has not been told yet, as JSON has it."""
        names = ("id", "params", "seed", "folder", "code", "timeout")
        return {name: getattr(self, name) for name in names}
