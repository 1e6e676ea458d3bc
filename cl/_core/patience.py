"""How long an answer from elsewhere is waited for. Reads no clock of its own."""

from __future__ import annotations

from typing import Final

LOOK_S: Final = 0.1
"""How often is to be looked whether it is over."""
_LONGEST_LOOK_NS: Final = 150_000_000
"""The most that counts between two looks: a process that was held up has not seen what came meanwhile."""


class Patience:
    """Counts down the time that the far side has for an answer, as far as this process has seen of it."""

    __slots__ = ("_last_ns", "left_ns")

    def __init__(self, now_ns: int, limit_ns: int) -> None:
        self._last_ns = now_ns
        self.left_ns = limit_ns
        """What is left of it."""

    def is_over(self, now_ns: int) -> bool:
        """Return whether the answer is late; what came before this call is looked for once more then."""
        self.left_ns -= min(now_ns - self._last_ns, _LONGEST_LOOK_NS)
        self._last_ns = now_ns
        return self.left_ns <= 0
