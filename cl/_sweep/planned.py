"""A run that is to be: its parameters, its seed, and the identity that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cl._values.version import VERSION

from .canonical import digest
from .carried import limiting
from .simulated import identifying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .experiment import Experiment


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a sweep; `id` names its folder."""

    id: str
    params: dict[str, Any]
    seed: int

    @property
    def line(self) -> dict[str, Any]:
        """What is written down of it."""
        return {"id": self.id, "params": self.params, "seed": self.seed}


class Identities:
    """Gives runs their identities, 16 hex digits: of experiment, parameters, seed, data source, version."""

    def __init__(
        self, experiment: Experiment, simulator: Mapping[str, Any], variables: Mapping[str, str]
    ) -> None:
        self._of_all = [str(experiment), identifying(simulator), *limiting(variables), VERSION]

    def run(self, params: dict[str, Any], seed: int) -> Run:
        """Return the run of these parameters and this seed."""
        return Run(digest([*self._of_all, params, seed]), params, seed)
