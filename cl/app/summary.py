"""RunSummary: what a run of an application tells about itself."""

from __future__ import annotations

from collections import UserDict
from enum import StrEnum
from typing import Any


class OutputType(StrEnum):
    """How a summary is to be shown."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class RunSummary(UserDict[str, Any]):
    """A mapping of `type` and the fields given; nothing is checked.

    By convention TEXT and MARKDOWN have `content`, a str, and JSON has `data`, a dict. `json.dumps` takes
    `dict(summary)`.
    """

    def __init__(self, type: OutputType, **kwargs: Any) -> None:
        super().__init__({"type": type, **kwargs})

    @property
    def type(self) -> OutputType:
        """What is under `type`."""
        found: OutputType = self.data["type"]
        return found
