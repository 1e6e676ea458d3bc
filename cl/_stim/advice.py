"""What is said of stims that are allowed, and are probably not meant."""

from __future__ import annotations

from typing import Any, Final

from cl._values.constants import GROUNDED
from cl._values.saying import Log

from .designs import StimDesign

VARIABLE: Final = "CL_STIM_WARNINGS"
_MOST_DESIGNS: Final = 1_000
"""Designs that are told of; a program that makes them by the thousand has been told often enough."""
_MOST_KEPT: Final = 1_024

_log = Log()


class StimAdvice:
    """Tells of stims that reach no electrode, once, and of those that leave charge behind, once a design.

    On the logger `cl`; where `strict` they raise `ValueError` instead, each time, and nothing is queued.
    """

    __slots__ = ("_designs", "_grounded", "passed", "strict")

    def __init__(self) -> None:
        self.strict = False
        self.passed: dict[tuple[int, tuple[int, ...]], tuple[Any, ...]] = {}
        """Operations of single pulses of which there is nothing to tell, by their designs' identity and their
        channels."""
        self._grounded = False
        self._designs: set[StimDesign] = set()

    def on_ground(self, channels: tuple[int, ...]) -> None:
        """Tell of a stim whose channels are all grounded."""
        text = (
            f"a stim on {_listed(channels)} reaches no electrode: channels {_listed(GROUNDED)} are grounded, "
            "and what they are given is dropped"
        )
        if self.strict:
            raise ValueError(f"{text} ({VARIABLE}=1 makes this an error)")
        if not self._grounded:
            self._grounded = True
            _log.warning("%s", text)

    def unbalanced(self, design: StimDesign) -> None:
        """Tell of a design whose phases do not cancel out."""
        text = f"each pulse of {design} leaves {design.net_charge_nC:g} nC on its electrode"
        if self.strict:
            raise ValueError(f"{text}: phases that cancel out leave none ({VARIABLE}=1 makes this an error)")
        if design not in self._designs and len(self._designs) < _MOST_DESIGNS:
            self._designs.add(design)
            _log.warning("%s; phases that cancel out leave none", text)

    def keep(self, design: StimDesign, channels: tuple[int, ...], operations: tuple[Any, ...]) -> None:
        """Keep operations, which have the design: programs give few again and again."""
        if len(self.passed) >= _MOST_KEPT:
            self.passed.clear()
        # As long as they are kept, nothing else can get the design's identity.
        self.passed[id(design), channels] = operations


def _listed(channels: tuple[int, ...]) -> str:
    return ", ".join(map(str, channels))
