"""The one open device of this process: opening, sharing and closing it."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import TYPE_CHECKING, Any, cast

from cl._core.device import Device
from cl._core.settings import Settings, load_settings
from cl._values.upwards import from_above
from cl.error import DeviceDisconnectedError
from cl.neurons import Neurons

from .open_context import AsyncOpenContext, OpenContext
from .wiring import Wired

if TYPE_CHECKING:
    from cl.visualisation.server.server import VisualiserServer

_log = logging.getLogger("cl")


class Control:
    """The opens of a device that want control, and how it was before the first of them."""

    __slots__ = ("collected", "held", "lock", "opens")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opens = 0
        self.held = False
        """Whether there was control before."""
        self.collected = False
        """Whether the garbage collector is still to be enabled again."""


class Session:
    """A device that is open: made by the outermost open, ended when that is left."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        device = _build(settings)
        self._wired = Wired(device, settings, None, 0)
        self.engine = self._wired.engine
        self.visualiser: VisualiserServer | None = None
        self._process = os.getpid()
        self._closing = threading.Lock()
        self.closed = False
        self._gone = threading.Event()
        self.control = Control()
        self.neurons = Neurons(self.engine, device.info.attributes)
        self.neurons._on_close = self.close
        device.open(self.engine.history)
        # A program may end without leaving its block; the threads that close recordings end with it.
        atexit.register(self.close)
        try:
            self._wired.begin()
            if settings.visualisation:
                self.visualiser = self._show()
        except BaseException:
            self.close()
            raise

    def _show(self) -> VisualiserServer | None:
        if self.settings.accelerated:
            _log.info("the data visualiser is not started: time is accelerated")
            return None
        recordings = self.neurons._recordings
        server: VisualiserServer | None = from_above("start_server")(
            self.engine,
            self.settings.visualisation_host,
            recordings=recordings.running,
            loops=lambda: tuple(run.loop for run in self.engine.runs),
            streams=recordings.streams,
        )
        return server

    def close(self) -> None:
        """Stop stimulation, finalise what is being recorded, close the device. Again: nothing."""
        if os.getpid() != self._process:
            return  # A fork has none of the threads, and what they work on is its parent's.
        with self._closing:
            if self.closed:
                return
            self.closed = True
        try:
            self._close()
        finally:
            atexit.unregister(self.close)
            self._gone.set()

    def wait_until_gone(self) -> None:
        """Wait until everything is given back, where another thread is about to."""
        self._gone.wait()

    def _close(self) -> None:
        try:
            self._end()
        finally:
            with self.engine.lock:
                self.engine.end()
            if self.visualiser is not None:
                self.visualiser.stop()
            self._wired.stop()
            self._close_device()

    def _end(self) -> None:
        try:
            if self.engine.failure is None:
                self.neurons._interrupt_all()
                self._wired.settle()
        except DeviceDisconnectedError as error:
            if self.engine.device.info.is_simulator:
                raise
            # It went while it was being closed: nobody wants anything of it any more.
            _log.warning("closing %s: %s", self.engine.device.info.name, error)
        finally:
            self.neurons._recordings.finalise()

    def _close_device(self) -> None:
        try:
            self.engine.device.close()
        except Exception as error:
            if self.engine.failure is None:
                raise
            # What went wrong first is what the program has to hear of.
            _log.warning("closing the device, which has failed: %s", error)


def _build(settings: Settings) -> Device:
    if settings.device is not None:
        from cl.hw import build as hardware

        return cast("Device", hardware.build(settings))
    from cl.sim import build as simulator

    return simulator.build(settings)


class _Slot:
    """Where the open session of the process is kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None


_slot = _Slot()


def is_open() -> bool:
    """Return whether a device is open in this process."""
    return _present() is not None


def _present() -> Session | None:
    """Return the open session. One that was closed before its block was left is open no more."""
    session = _slot.session
    return None if session is None or session.closed else session


def _acquire() -> tuple[Session, bool]:
    with _slot.lock:
        session = _present()
        if session is not None:
            return session, False
        if _slot.session is not None:
            # One process has one device, and one source: the next begins when the former has ended.
            _slot.session.wait_until_gone()
        session = _slot.session = Session(load_settings())
        return session, True


def _release(session: Session) -> None:
    try:
        session.close()
    finally:
        with _slot.lock:
            if _slot.session is session:
                _slot.session = None


def _enter(take_control: bool, wait_until_recordable: bool) -> tuple[Session, Callable[[], None]]:
    """Open, or join what is open; return what is called to leave again. May take a while."""
    session, outermost = _acquire()
    restore: Callable[[], None] = _nothing

    def leave() -> None:
        try:
            restore()
        finally:
            if outermost:
                _release(session)

    try:
        restore = _take(session, take_control, outermost)
        if outermost:
            session.engine.device.control.opened()
        if outermost and wait_until_recordable:
            session.neurons.wait_until_recordable()
    except BaseException:
        leave()
        raise
    return session, leave


class _Opening:
    """An open in a thread, for a task; asyncio may cancel that one while the thread is at it."""

    def __init__(self, take_control: bool, wait_until_recordable: bool) -> None:
        self._arguments = take_control, wait_until_recordable
        self._lock = threading.Lock()
        self._begun = self._abandoned = False
        self._ended = threading.Event()
        self._leave: Callable[[], None] = _nothing

    def enter(self) -> tuple[Session, Callable[[], None]]:
        """Open. May take a while."""
        with self._lock:
            if self._abandoned:
                raise DeviceDisconnectedError("the task that was to open the device has ended")
            self._begun = True
        try:
            session, self._leave = _enter(*self._arguments)
        finally:
            self._ended.set()
        return session, self._leave

    def abandon(self) -> None:
        """Leave again what nobody has got, as soon as it has been opened."""
        with self._lock:
            self._abandoned = True
        if self._begun:
            self._ended.wait()
            self._leave()


def _nothing() -> None:
    """Stand for what there is nothing to do for."""


def open(take_control: bool = True, wait_until_recordable: bool = True) -> AbstractContextManager[Neurons]:
    """Open the device: a context manager that yields a started `Neurons`.

    The device is the simulator, or what the variable CL_DEVICE names. Leaving the block finalises
    recordings, ends stimulation, and leaves no thread, process, socket or memory behind. Opening again
    while it is open gives the same device; only leaving the outermost block closes it. With
    `take_control=True` Python's garbage collector is disabled meanwhile; a device that somebody else
    controls raises `ControlRequestError`, one that is not there `DeviceDisconnectedError`.
    """
    return OpenContext(_opened(take_control, wait_until_recordable))


@contextmanager
def _opened(take_control: bool, wait_until_recordable: bool) -> Iterator[Neurons]:
    session, leave = _enter(take_control, wait_until_recordable)
    try:
        yield session.neurons
    finally:
        leave()


def aopen(
    take_control: bool = True, wait_until_recordable: bool = True
) -> AbstractAsyncContextManager[Neurons]:
    """Open the device in an async program: `async with cl.aopen() as neurons`. See `open`."""
    return AsyncOpenContext(_aopened(take_control, wait_until_recordable))


@asynccontextmanager
async def _aopened(take_control: bool, wait_until_recordable: bool) -> AsyncIterator[Neurons]:
    from anyio import CancelScope, to_thread

    opening = _Opening(take_control, wait_until_recordable)
    try:
        session, leave = await to_thread.run_sync(opening.enter)
    except BaseException:
        with CancelScope(shield=True):
            await to_thread.run_sync(opening.abandon)
        raise
    try:
        yield session.neurons
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(leave)


def _take(session: Session, take_control: bool, outermost: bool) -> Callable[[], None]:
    """Take control if asked; return what puts things back as they were.

    Opens in several threads may be left in any order: none takes control from another.
    """
    neurons, control = session.neurons, session.control
    with control.lock:
        had_control = neurons.has_control()
        if take_control:
            neurons.take_control()
            if not control.opens:
                control.held, control.collected = had_control, gc.isenabled()
            control.opens += 1
            gc.disable()

    def restore() -> None:
        with control.lock:
            wanted = had_control
            if take_control:
                control.opens -= 1
                wanted = had_control if control.opens else control.held
            if control.collected and (outermost or not control.opens):
                control.collected = False
                gc.enable()
            if outermost or neurons.has_control() == wanted or session.closed:
                return  # Closing ends stimulation, and then control.
            if wanted:
                neurons.take_control()
            elif not control.opens:
                neurons.release_control()

    return restore


def get_system_attributes() -> dict[str, Any]:
    """Return the system's `project_id chip_id cell_batch_id plugin system_id hostname`."""
    session = _present()
    if session is not None:
        return dict(session.engine.device.info.attributes)
    settings = load_settings()
    if settings.device is not None:
        from cl.hw import build as hardware

        return hardware.system_attributes(settings)
    from cl.sim import build as simulator

    return simulator.system_attributes()


def is_simulator() -> bool:
    """Return whether programs run on the simulator: unless CL_DEVICE names a device."""
    session = _present()
    if session is not None:
        return session.engine.device.info.is_simulator
    return load_settings().device is None
