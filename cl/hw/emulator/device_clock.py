"""The device's own time: frames and steps since it was started."""

from __future__ import annotations

from typing import Final

from cl._core.host_clock import host_ns
from cl._values.constants import FRAME_NS, STEPS_PER_FRAME

_STEP_NS: Final = FRAME_NS // STEPS_PER_FRAME


class DeviceClock:
    """Counts frames in real time while the device runs; stands still while it does not."""

    def __init__(self, frame: int) -> None:
        self._base_step = frame * STEPS_PER_FRAME
        self._origin_ns: int | None = None

    def start(self) -> None:
        """Let time pass."""
        if self._origin_ns is None:
            self._origin_ns = host_ns()

    def stop(self, frame: int) -> None:
        """Let time stand still at `frame`."""
        self._base_step = frame * STEPS_PER_FRAME
        self._origin_ns = None

    def jump(self, frames: int) -> None:
        """Let so much time have passed at once."""
        self._base_step += frames * STEPS_PER_FRAME

    @property
    def step(self) -> int:
        """The step that is going on."""
        if self._origin_ns is None:
            return self._base_step
        return self._base_step + (host_ns() - self._origin_ns) // _STEP_NS

    @property
    def frame(self) -> int:
        """The frame that is going on: those before it are complete."""
        return self.step // STEPS_PER_FRAME

    def seconds_until(self, frame: int) -> float:
        """Return when the frames before `frame` are complete; negative when they are."""
        if self._origin_ns is None:
            return float("inf")
        due = self._origin_ns + (frame * STEPS_PER_FRAME - self._base_step) * _STEP_NS
        return (due - host_ns()) * 1e-9
