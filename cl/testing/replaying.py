"""Whether a controller would do again what it did in a recording."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cl._core.device_log import Happening
from cl._values.constants import FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl._values.rates import frames_per_tick
from cl.events import Stim

from .calling import checked_result, is_async
from .commands import CommandDifference, entries_of, first_command_difference, within
from .opening import Simulator

if TYPE_CHECKING:
    from cl._core.device_log import Command, RareCommand
    from cl._stim.designs import StimDesign
    from cl._store.read.log_table import LogEntry
    from cl.loop import LoopTick
    from cl.neurons import Neurons

    Controller = Callable[[LoopTick, Neurons], Any] | Callable[[LoopTick, Neurons], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what was issued differs from what was recorded; times count from the recording's start."""

    timestamp: int
    channel: int
    recorded: Stim | None
    """The recorded stim that the controller did not give, at that time at least."""
    issued: Stim | None
    """The stim that the controller gave."""

    def __str__(self) -> str:
        recorded = "no stim" if self.recorded is None else f"a stim {self._told(self.recorded)}"
        issued = "none" if self.issued is None else f"one {self._told(self.issued)}"
        seconds = self.timestamp / FRAMES_PER_SECOND
        return (
            f"timestamp {self.timestamp} ({seconds:.5f} s), channel {self.channel}: "
            f"the recording has {recorded}, the controller gave {issued}"
        )

    def _told(self, stim: Stim) -> str:
        """Return when the stim was; and its design, where it is that which differs."""
        differs = self.recorded and self.issued and _differ(self.recorded, self.issued)
        return f"at {stim.timestamp}" + (f" of {stim.design}" if differs else "")


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of a replay; true if the stims agree, and the commands."""

    ticks: int
    recorded: tuple[Stim, ...]
    """The recording's stims in the frames that were replayed, counted from the recording's start."""
    issued: tuple[Stim, ...]
    """The stims that were delivered in them."""
    first_difference: Difference | None
    recorded_commands: tuple[LogEntry, ...] | None = None
    """The recording's commands, operation by operation; None where it has no log, and none are compared."""
    issued_commands: tuple[LogEntry, ...] = ()
    """The commands that the controller gave."""
    first_command_difference: CommandDifference | None = None
    """Commands may differ where the stims agree: in a sync, an interrupt, what was refused."""

    def __bool__(self) -> bool:
        return self.first_difference is None and self.first_command_difference is None

    def __str__(self) -> str:
        first = self.first_difference or self.first_command_difference
        if first is None:
            return f"{len(self.issued)} stims in {self.ticks} ticks, as recorded"
        return f"first difference at {first}"

    def check(self) -> None:
        """Raise AssertionError that tells the first difference, if there is one."""
        if not self:
            raise AssertionError(str(self))


def replay(
    recording_path: str | os.PathLike[str],
    controller: Controller,
    *,
    ticks_per_second: float,
    start: int = 0,
    ticks: int | None = None,
    tolerance_frames: int = 0,
    backend: str = "asyncio",
) -> ReplayReport:
    """Run a controller against a recording's frames and spikes, and compare its stims with the recorded ones.

    `controller(tick, neurons)`, an ordinary or an async function, is called as the body of a loop that
    begins `start` frames after the recording's start (`loop.start_timestamp - recording.start_timestamp`,
    where the recording was begun before the loop) and runs for `ticks` ticks (None: as many as there are
    frames for). Compared is what was delivered in these frames; a stim may come up to `tolerance_frames`
    early or late, for recordings in which a body was late. Its design must be the recorded one, where the
    recording knows it. So are commands, as they were asked for between the first tick and the end, where the
    recording has a log. The device's time begins at 0 in a replay.
    """
    n = frames_per_tick(ticks_per_second)
    start, tolerance = whole(start, "start"), whole(tolerance_frames, "tolerance_frames", 0)
    stims, commands, duration = _recorded(recording_path)
    if not 0 <= start < duration:
        raise ValueError(f"start must be from 0 to {duration - 1}, within the recording, not {start}")
    most = (duration - start) // n
    if ticks is None:
        ticks = most
    ticks = whole(ticks, "ticks")
    if not 0 < ticks <= most:
        raise ValueError(f"ticks must be from 1 to {most}, what the recording has frames for, not {ticks}")
    options = {"replay": recording_path, "replay_start_offset": start}
    found = _run(controller, ticks_per_second, ticks, backend, options)
    issued = [Stim(stim.timestamp + start, stim.channel, stim.design) for stim in found.stims]
    stop = start + ticks * n
    recorded = [stim for stim in stims if start <= stim.timestamp < stop]
    difference = _first_difference(recorded, issued, tolerance, stop - tolerance)
    given = within(entries_of(found.log, -start), start, stop)
    if commands is None:
        return ReplayReport(ticks, tuple(recorded), tuple(issued), difference, None, given)
    theirs = within(commands, start, stop)
    other = first_command_difference(theirs, given, tolerance, stop - tolerance)
    return ReplayReport(ticks, tuple(recorded), tuple(issued), difference, theirs, given, other)


def _recorded(path: str | os.PathLike[str]) -> tuple[list[Stim], list[LogEntry] | None, int]:
    from cl._store.read.design_rows import design_of
    from cl.util import RecordingView

    with RecordingView(path) as view:
        if view.stims is None:
            raise ValueError(f"{os.fspath(path)} was recorded without its stims")
        rows = view.stims[:]
        designs: list[StimDesign | None] = [None] * len(rows)
        if view.stim_designs is not None:
            designs[: len(view.stim_designs)] = map(design_of, view.stim_designs)
        duration = int(view.attributes["duration_frames"])
        commands = None
        if view.log is not None and view.stim_designs is not None:
            commands = [entry for entry in view.log.entries() if entry.command]
    places = zip(rows["timestamp"].tolist(), rows["channel"].tolist(), designs, strict=True)
    return [Stim(*place) for place in places], commands, duration


class _Found:
    """What a device does while a controller runs."""

    def __init__(self) -> None:
        self.stims: list[Stim] = []
        self.log: list[Command | RareCommand] = []
        self._next = 0

    def take(self, tick: LoopTick, neurons: Neurons) -> None:
        """Take what has come since the tick before."""
        self.stims += tick.analysis.stims
        self.take_log(neurons)

    def take_log(self, neurons: Neurons) -> None:
        """Take the commands that have come since."""
        engine = neurons._engine
        with engine.lock:
            log = engine.history.log
            fresh = log.items[max(self._next - log.first, 0) :]
            self._next = log.end
        self.log += [item for item in fresh if not isinstance(item, Happening)]


def _run(controller: Controller, rate: float, ticks: int, backend: str, options: dict[str, Any]) -> _Found:
    found = _Found()
    if not is_async(controller):
        with Simulator(**options) as neurons:
            for tick in neurons.loop(rate, stop_after_ticks=ticks):
                found.take(tick, neurons)
                checked_result(controller, controller(tick, neurons))
            found.take_log(neurons)
        return found

    async def main() -> None:
        async with Simulator(**options) as neurons:
            async for tick in neurons.aloop(rate, stop_after_ticks=ticks):
                found.take(tick, neurons)
                await controller(tick, neurons)
            found.take_log(neurons)

    import anyio

    anyio.run(main, backend=backend)
    return found


def _first_difference(
    recorded: list[Stim], issued: list[Stim], tolerance: int, settled: int
) -> Difference | None:
    """Return the earliest of the channels' first differences.

    The counterpart of a stim from `settled` on may come after the end of what is compared.
    """
    found = [
        difference
        for channel in {stim.channel for stim in (*recorded, *issued)}
        if (difference := _of_channel(channel, recorded, issued, tolerance, settled)) is not None
    ]
    return min(found, key=lambda difference: (difference.timestamp, difference.channel), default=None)


def _differ(stim: Stim, other: Stim) -> bool:
    """Return whether two stims are known to be of different designs."""
    return stim.design is not None and other.design is not None and stim.design != other.design


def _of_channel(
    channel: int, recorded: list[Stim], issued: list[Stim], tolerance: int, settled: int
) -> Difference | None:
    ours = [stim for stim in issued if stim.channel == channel]
    theirs = [stim for stim in recorded if stim.channel == channel]
    for stim, other in zip(theirs, ours, strict=False):
        if abs(stim.timestamp - other.timestamp) > tolerance:
            return Difference(min(stim.timestamp, other.timestamp), channel, stim, other)
        if _differ(stim, other):
            return Difference(stim.timestamp, channel, stim, other)
    at = min(len(ours), len(theirs))
    if len(theirs) > at and theirs[at].timestamp < settled:
        return Difference(theirs[at].timestamp, channel, theirs[at], None)
    if len(ours) > at and ours[at].timestamp < settled:
        return Difference(ours[at].timestamp, channel, None, ours[at])
    return None
