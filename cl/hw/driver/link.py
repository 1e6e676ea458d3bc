"""The driver's side of a device: one object for what the hardware backend needs of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from cl._core.host_clock import host_ns
from cl._core.reentry_lock import ReentryLock
from cl._values.descriptors import let_go
from cl._values.no_op import no_op
from cl._values.thread_start import start_thread
from cl.error import ControlRequiredError, DeviceDisconnectedError
from cl.hw.wire.layout import (
    DESIGNS_SINCE,
    U64,
    WATCHDOG_SINCE,
    Capability,
    ClientRegister,
    Control,
    RegionKind,
    Register,
    Status,
)
from cl.hw.wire.moderation import stated_moderation
from cl.hw.wire.ring import EventReader, FrameReader
from cl.hw.wire.stim_ring import StimReader

from .commander import Commander
from .link_state import LinkState
from .reader import LinkClosed, Reader
from .session import TIMEOUT, Session
from .waiter import FrameWaiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from cl._stim.sequencer import Operation

    from .reader import Sink


class Link:
    """A connection to a device.

    Frames are read straight from the device's ring, which is the history: nothing is copied until
    somebody looks. Spikes and stims are taken in order, by one consumer. After the device has gone what
    it posted stays readable until `close`.
    """

    def __init__(self, address: str, take_control: bool, timeout: float = TIMEOUT) -> None:
        """Connect to the device at `address` ("unix:/path/to.sock") and start it if it is stopped.

        A device that is stopped can only be started by its controller. `timeout` is in seconds, for
        each message and command. Raises ValueError for an address that is none, DeviceDisconnectedError
        where no device answers, ControlRequestError naming the process that has control.
        """
        self._held = ExitStack()
        try:
            self._connect(address, take_control, timeout)
        except BaseException:
            self._held.close()
            raise

    def _connect(self, address: str, take_control: bool, timeout: float) -> None:
        session = Session(address, data_vectors=2, timeout=timeout)
        self._held.callback(session.close)
        self._session = session
        self._reader: Reader | None = None
        self._link_state = LinkState()
        self._held.callback(self._link_state.close)
        self._timeout = timeout
        self._control_lock = ReentryLock()
        self.facts = session.facts
        self._registers = session.regions[RegionKind.REGISTERS].words
        self._client = session.regions[RegionKind.CLIENT].words
        self._commander: Commander | None = None
        with self._in_protocol():
            self._attach()
        if take_control:
            self.acquire()

    @contextmanager
    def _in_protocol(self) -> Iterator[None]:
        """Take what the device gets wrong in here for its end."""
        try:
            yield
        except ValueError as error:
            raise DeviceDisconnectedError(
                f"the device at {self.facts.address} does not keep to the protocol: {error}"
            ) from error

    def _attach(self) -> None:
        facts, regions = self.facts, self._session.regions
        self._frames = FrameReader(regions[RegionKind.FRAMES], facts.channel_count, facts.first_frame)
        self._held.callback(self._frames.close)
        self._waiter = FrameWaiter(self._frames, self._link_state, self._session.data_fds[0])
        self._spikes = self._spike_reader()
        self._stims = self._stim_reader()

    def _spike_reader(self) -> EventReader | None:
        if Capability.SPIKES not in self.facts.capabilities:
            return None
        reader = EventReader(self._session.regions[RegionKind.SPIKES], self.facts.channel_count, "spikes")
        self._held.callback(reader.close)
        return reader

    def _stim_reader(self) -> StimReader | None:
        if Capability.STIMULATION not in self.facts.capabilities:
            return None
        regions = self._session.regions
        designs = regions.get(RegionKind.STIM_DESIGNS) if self.facts.version >= DESIGNS_SINCE else None
        reader = StimReader(regions[RegionKind.STIMS], self.facts.channel_count, designs)
        self._held.callback(reader.close)
        return reader

    def acquire(self) -> None:
        """Become the controller, and start a device that is stopped. Again: nothing.

        Raises ControlRequestError naming the process that has control, DeviceDisconnectedError where the
        link has ended.
        """
        self._control_lock.refuse_reentry()
        with self._control_lock:
            if self._commander is not None and self._commander.retired:
                self._give_back()  # It was interrupted in that.
            if self._commander is None:
                self._link_state.check()
                self._session.acquire()
                with self._in_protocol():
                    self._commander = Commander(self._session, self._link_state, self._timeout)
        if self.status == Status.STOPPED:
            self.control(Control.START)

    def release(self) -> None:
        """Give control back: all channels are interrupted. Again: what is left of it."""
        self._control_lock.refuse_reentry()
        with self._control_lock:
            self._give_back()

    def _give_back(self) -> None:
        # In this order: what an interruption has left half done is done when it is released again.
        if self._session.controls:
            if self._commander is not None:
                self._commander.retire()
            self._session.release()
        self._commander = None

    def start(
        self,
        sink: Sink,
        lock: AbstractContextManager[Any] | None = None,
        start: int | None = None,
        forgives_failure: bool = False,
        afterwards: Callable[[], None] = no_op,
    ) -> int:
        """Begin to follow the device; return the timestamp from which on `sink` is told of frames.

        That is `start`, or by default the newest there is; the event readers are put to it. `lock` is held
        whenever the sink is told of something, and no longer when `afterwards` is called. A link that
        `forgives_failure` does not end with a device that has failed, until `forgive_no_more`.
        """
        assert self._reader is None, "a link is started once"
        waiter = self._waiter
        self._reader = Reader(
            self._session,
            self._link_state,
            sink,
            lock,
            start,
            lambda low, high: low < waiter.target <= high,
            forgives_failure,
            afterwards,
        )
        start = self._reader.posted
        for events in (self._spikes, self._stims):
            if events is not None:
                events.seek(start)
        start_thread(self._reader)
        return start

    def forgive_no_more(self) -> None:
        """End with a device that has failed, from now on."""
        if self._reader is not None:
            self._reader.forgives_failure = False

    def catch_up(self) -> None:
        """Tell the sink what the device has done by now, without waiting for the reader thread to.

        Raises DeviceDisconnectedError where that is not possible, and the link has ended then.
        """
        reader = self._reader
        if reader is not None:
            try:
                reader.catch_up()
            except Exception as error:
                self._link_state.end(error)
        self._link_state.check()

    def rest(self, seconds: float) -> None:
        """Sleep, at most so long; the end of the link ends it."""
        self._link_state.wait(seconds * 1e3)

    @property
    def posted(self) -> int:
        """The timestamp after the newest frame, as of now."""
        try:
            return self._frames.posted
        except ValueError:  # closed by another thread
            self._link_state.check()
            raise

    @property
    def oldest(self) -> int:
        """The oldest timestamp that can still be read, for the moment."""
        return self._frames.oldest

    @property
    def status(self) -> int:
        """What the device is doing: a `Status`."""
        try:
            return self._registers[Register.STATUS]
        except ValueError:  # closed by another thread
            self._link_state.check()
            raise

    @property
    def owner(self) -> int:
        """The process that has control, or 0."""
        return self._registers[Register.OWNER]

    @property
    def moderation(self) -> int:
        """Frames that go by from one data interrupt to the next."""
        try:
            return stated_moderation(self._registers)
        except ValueError:  # closed by another thread
            self._link_state.check()
            raise

    @property
    def capacity(self) -> int:
        """Frames that the device's ring holds."""
        return self._frames.capacity

    @property
    def frames_dropped(self) -> int:
        """Frames that the device lost before they reached the ring, since it was switched on."""
        return self._registers[Register.FRAMES_DROPPED]

    @property
    def controls(self) -> bool:
        """Whether this link has control."""
        return self._commander is not None

    @property
    def error(self) -> Exception | None:
        """Why the link ended, or None while it lives."""
        return self._link_state.error

    @property
    def waiter(self) -> FrameWaiter:
        """What blocks until a frame is posted."""
        return self._waiter

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return a copy of the frames of [start, stop), see `FrameReader.read`."""
        reader = self._reader
        return self._frames.read(start, stop, 0 if reader is None else reader.posted)

    @property
    def spikes(self) -> EventReader | None:
        """The detected spikes, or None on a device that detects none."""
        return self._spikes

    @property
    def stims(self) -> StimReader | None:
        """The delivered stims, or None on a device that does not stimulate."""
        return self._stims

    def error_text(self) -> str:
        """Return what the device says about its failure."""
        return self._session.error_text()

    def interrupt_age_ns(self) -> int:
        """Return how long ago the device raised the last data interrupt, on this host's clock."""
        return host_ns() - self._registers[Register.DATA_RAISED_NS]

    def set_moderation(self, frames: int) -> None:
        """Ask for a data interrupt every `frames` frames, or as often as the device would, for 0.

        The device takes what is nearest to it, see `moderation`. ControlRequiredError without control.
        """
        self._required()
        if frames < 0:
            raise ValueError(f"moderation is {frames} frames, it cannot be negative")
        self._client[ClientRegister.MODERATION_REQUEST] = frames

    def watch(self, milliseconds: int) -> bool:
        """Have the device watch for signs of life, so far apart at most; return whether it can.

        They count while this link has control.
        """
        if self.facts.version < WATCHDOG_SINCE:
            return False
        self.beat()
        self._client[ClientRegister.HEARTBEAT_MS] = milliseconds
        return True

    def beat(self) -> None:
        """Give a sign of life."""
        with suppress(ValueError):  # closed by another thread
            self._client[ClientRegister.HEARTBEAT] = (self._client[ClientRegister.HEARTBEAT] + 1) & U64

    @property
    def suspended_step(self) -> int | None:
        """The step at which the device has ended stimulation, while it takes none; None otherwise."""
        try:
            if self.facts.version < WATCHDOG_SINCE or not self._registers[Register.SUSPENDED]:
                return None
            return self._registers[Register.SUSPENDED_STEP]
        except ValueError:  # closed by another thread
            return None

    def submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> int:
        """Submit a transaction, see `Commander.submit`. Raises ControlRequiredError without control."""
        return self._required().submit(operations, step, at_step)

    def control(self, request: Control) -> None:
        """Start, stop or reset the device. Raises ControlRequiredError without control."""
        self._required().control(request)

    def _required(self) -> Commander:
        if self._commander is None:
            raise ControlRequiredError("this needs control of the device: open it with take_control=True")
        return self._commander

    def disown(self) -> None:
        """Have no part in the connection any more: it is that of the process that this one is a fork of."""
        self._commander = None
        let_go(self._session.sock.fileno())

    def close(self) -> None:
        """Give control back and let go of everything; the reader thread has ended when this returns.

        Not to be called from a sink. May be called again.
        """
        lives = self._link_state.end(LinkClosed("the link was closed"))
        if self._reader is not None:
            if self._reader.ident is not None:  # It has begun: the device was right until then.
                self._reader.join()
            self._reader = None  # It refers to the sink, and the sink most likely to this.
        self._waiter.close()
        if lives:
            self.release()
        self._commander = None
        self._held.close()
