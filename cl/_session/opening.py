"""Opening devices, joining those that are open, and leaving them again."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from cl._core.culture import checked_culture
from cl._core.settings import load_settings
from cl._current import devices
from cl.error import DeviceDisconnectedError

from . import fork as fork  # Forks are looked after from the first open on.
from .open_context import AsyncOpenContext, OpenContext
from .targets import driver_of, target_of
from .visit import OpenRequest, Visit
from .watching import checked_watchdog

if TYPE_CHECKING:
    from cl.neurons import Neurons
    from cl.sim.simulator import Simulator

    from .session import Session
    from .targets import Target

is_open = devices.is_open
"""Return whether any device is open in this process."""


class _Opening:
    """An open in a thread, for a task; asyncio may cancel that one while the thread is at it."""

    def __init__(self, request: OpenRequest) -> None:
        self._visit = Visit(request)
        self._lock = threading.Lock()
        self._begun = self._abandoned = False
        self._ended = threading.Event()

    def enter(self) -> Session:
        """Open. May take a while."""
        with self._lock:
            if self._abandoned:
                raise DeviceDisconnectedError("the task that was to open the device has ended")
            self._begun = True
        try:
            return self._visit.enter()
        finally:
            self._ended.set()

    @property
    def is_left(self) -> bool:
        """Whether leaving has begun."""
        return self._abandoned

    def leave(self) -> None:
        """Leave again, as soon as it has been opened, what was or might be."""
        with self._lock:
            self._abandoned = True
        if self._begun:
            self._ended.wait()
            try:
                self._visit.leave()
            finally:
                self._visit.leave()


def open(
    take_control: bool = True,
    wait_until_recordable: bool = True,
    *,
    device: str | Simulator | None = None,
    culture: Mapping[str, Any] | None = None,
    stim_watchdog_seconds: float | None = None,
) -> AbstractContextManager[Neurons]:
    """Open a device: a context manager that yields a started `Neurons`.

    `device` is a `cl.sim.Simulator`, an address ("unix:/path"), or None: the device that the environment
    describes, a simulator unless CL_DEVICE has an address. Leaving the block finalises recordings, ends
    stimulation, and leaves no thread, process, socket or memory behind. Opening the same again while it is
    open (the same value, the same address, None) gives the same device; only leaving the outermost block
    closes it. Others are devices of their own, open side by side.

    With `take_control=True` Python's garbage collector is disabled as long as any such block lasts. A device
    that somebody else controls raises `ControlRequestError`, one that is not there `DeviceDisconnectedError`,
    an address of an unknown scheme `ValueError`, what is no device `TypeError`.

    `culture` says who lies in the dish, in every recording and on the page: a mapping of `species cell_line
    plating_date chip medium licence remarks` and free names. None: what the TOML file that CL_CULTURE
    names says, if there is one.

    With `stim_watchdog_seconds` (0.1 to 86 400; None: what CL_STIM_WATCHDOG_SECONDS says) a program that has
    not waited for the device, or called it, for so long has all channels interrupted, and stims are refused
    until `neurons.resume_stimulation()` (docs/safety.md).
    """
    return opened(
        *(_chooser(device), take_control, wait_until_recordable, culture),
        stim_watchdog_seconds=stim_watchdog_seconds,
    )


def opened(
    target: Callable[[], Target],
    take_control: bool = True,
    wait_until_recordable: bool = True,
    culture: Mapping[str, Any] | None = None,
    disable_gc: bool | None = None,
    stim_watchdog_seconds: float | None = None,
) -> AbstractContextManager[Neurons]:
    """Open what `target` says when the block is entered. See `open`; with None `disable_gc` is as there."""
    rest = take_control if disable_gc is None else disable_gc
    said = None if culture is None else checked_culture(culture)
    watched = checked_watchdog(stim_watchdog_seconds)
    return OpenContext(_opened(OpenRequest(target, take_control, wait_until_recordable, rest, said, watched)))


@contextmanager
def _opened(request: OpenRequest) -> Iterator[Neurons]:
    visit = Visit(request)
    try:
        try:
            yield visit.enter().neurons
        finally:
            visit.leave()
    finally:
        visit.leave()  # An interruption may have come in the midst of it, or just before.


def aopen(
    take_control: bool = True,
    wait_until_recordable: bool = True,
    *,
    device: str | Simulator | None = None,
    culture: Mapping[str, Any] | None = None,
    stim_watchdog_seconds: float | None = None,
    disable_gc: bool = False,
) -> AbstractAsyncContextManager[Neurons]:
    """Open a device in an async program: `async with cl.aopen() as neurons`. See `open`.

    It may be held for weeks: Python's garbage collector is left alone, unless `disable_gc=True`. For the
    watchdog an async program is at work as long as its event loop turns.
    """
    return aopened(
        _chooser(device), take_control, wait_until_recordable, disable_gc, culture, stim_watchdog_seconds
    )


def aopened(
    target: Callable[[], Target],
    take_control: bool = True,
    wait_until_recordable: bool = True,
    disable_gc: bool = False,
    culture: Mapping[str, Any] | None = None,
    stim_watchdog_seconds: float | None = None,
) -> AbstractAsyncContextManager[Neurons]:
    """Open what `target` says when the block is entered. See `aopen`."""
    said = None if culture is None else checked_culture(culture)
    watched = checked_watchdog(stim_watchdog_seconds)
    return AsyncOpenContext(
        _aopened(OpenRequest(target, take_control, wait_until_recordable, disable_gc, said, watched))
    )


@asynccontextmanager
async def _aopened(request: OpenRequest) -> AsyncIterator[Neurons]:
    from cl._values.offload import in_thread, to_the_end
    from cl._wait.backend import current_backend

    opening = _Opening(request)
    try:
        session = await in_thread(opening.enter)
        current_backend()  # The tasks that are started from this one inherit what it knows of the event loop.
        with session.watched_event_loop():
            yield session.neurons
    finally:
        try:
            await to_the_end(opening.leave)
        except RuntimeError:
            if opening.is_left:
                raise
            opening.leave()  # There are too many threads: rather the loop waits than that it stays open.


def _chooser(device: Any) -> Callable[[], Target]:
    """Return what says which device is meant; raise at once for what is none."""
    if device is None:
        # What plain opens join depends on where the block is entered.
        return partial(target_of, None)
    target = target_of(device)
    return lambda: target


def get_system_attributes() -> dict[str, Any]:
    """Return the system's `project_id chip_id cell_batch_id plugin system_id hostname`.

    Of the device that the environment describes; `Neurons.system_attributes` has those of any other one.
    """
    session = cast("Session | None", devices.environments())
    if session is not None:
        return session.neurons.system_attributes
    settings = load_settings()
    if settings.device is not None:
        found: dict[str, Any] = driver_of(settings.device, "CL_DEVICE").system_attributes(settings.device)
        return found
    from cl.sim import build as simulator

    return simulator.system_attributes()


def is_simulator() -> bool:
    """Return whether plain opens run on the simulator: unless CL_DEVICE names a device."""
    session = cast("Session | None", devices.environments())
    if session is not None:
        return session.neurons.is_simulator
    return load_settings().device is None
