"""How the runs of a sweep are made, all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .experiment import Experiment


@dataclass(frozen=True, slots=True)
class How:
    """How the runs of a sweep are made."""

    experiment: Experiment
    simulator: Mapping[str, Any]
    variables: Mapping[str, str]
    path: tuple[str, ...]
    code: str
    executor: Executor | int | None
    timeout: float | None
    retries: int
