"""A run that has ended: a row of the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .results import flat, load_arrays

if TYPE_CHECKING:
    from .planned import Run

DONE: Final = "done"
FAILED: Final = "failed"


class SweepRow(Mapping[str, Any]):
    """A run that has ended, and what came of it.

    A mapping: `id`, the parameters, `seed`, `status` ("done" or "failed"), `error` (None or a text), and the
    results by their names, those of mappings in mappings as "outer.inner". Arrays are in `arrays`.
    """

    def __init__(self, run: Run, folder: Path, told: Mapping[str, Any]) -> None:
        self.id = run.id
        self.params = dict(run.params)
        self.seed = run.seed
        self.folder = folder
        """Where its files are."""
        self.status: str = told["status"]
        self.error: str | None = told.get("error")
        self.traceback: str | None = told.get("traceback")
        self.seconds: float | None = told.get("seconds")
        """How long it took, in real time."""
        self.attempts: int = told.get("attempts", 1)
        self.code: str | None = told.get("code")
        """The hash of the experiment's code that it was made with."""
        self.result: dict[str, Any] = told.get("result") or {}
        """What the experiment returned; `{"$array": name}` stands for an array."""
        self._columns = {
            "id": self.id,
            **self.params,
            "seed": self.seed,
            "status": self.status,
            "error": self.error,
            **dict(flat(self.result)),
        }

    @property
    def failed(self) -> bool:
        """Whether it has no result."""
        return self.status != DONE

    @property
    def arrays(self) -> dict[str, Any]:
        """The arrays of the result by their names, read from their file."""
        return load_arrays(self.folder)

    @property
    def recordings(self) -> list[Path]:
        """The recordings that it has made, in the order of their names."""
        return sorted(self.folder.glob("*.h5"))

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        said = self.error or ", ".join(f"{name}={value!r}" for name, value in flat(self.result))
        return f"SweepRow({self.id}: {params}, seed={self.seed}, {self.status}: {said})"
