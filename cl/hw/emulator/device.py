"""The emulated device: time, data, stimulation and interrupts, in one loop of one thread."""

from __future__ import annotations

import os
import random
import select
import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._stim.delivered import reported
from cl._values.saying import say
from cl.hw.wire.commands import decode_operations
from cl.hw.wire.eventfd import drain_eventfd
from cl.hw.wire.layout import (
    SLOT_BYTES,
    USUAL_LIVENESS_MS,
    Capability,
    ClientRegister,
    Control,
    DeviceError,
    Register,
    Result,
    Status,
)
from cl.hw.wire.transport import ProtocolError

from .command_port import CommandPort, result_of
from .device_clock import DeviceClock
from .device_memory import DeviceMemory
from .fault_injector import FaultInjector
from .faults import Fault, parse_fault
from .feed import Feed
from .heartbeat import Heartbeat
from .server import Server
from .stimulator import Stimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.source import FixedSource, StreamedSource
    from cl._stim.sequencer import Operation
    from cl.hw.wire.commands import Transaction
    from cl.sim.dish import Dish

    from .feed import Stamp

_LONGEST_NAP: Final = 0.01
"""Seconds between two signs of life, at the most; less where more was promised."""
_LONGEST_TURN: Final = 250
"""Frames posted in one go, in whole blocks, when the host held the device up, so that it stays responsive."""
_DECODED: Final = 256
"""Operations that are decoded in one go."""
MODERATION_LIMIT: Final = 2_500


@dataclass(frozen=True, slots=True)
class Setup:
    """What the command line says."""

    socket: str
    moderation: int = 25
    """Frames from one data interrupt to the next."""
    stopped: bool = False
    stdin: bool = False
    """Take faults from the standard input, one a line, and end when it closes."""
    faults: list[Fault] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    liveness_ms: int = USUAL_LIVENESS_MS
    """What is promised: how long it takes at most from one sign of life to the next."""


class Emulator:
    """Plays a source in real time to whoever connects. Everything happens in `run`."""

    def __init__(
        self,
        setup: Setup,
        source: FixedSource | StreamedSource,
        dish: Dish,
        stamp: Stamp | None = None,
    ) -> None:
        self._source = source
        first = source.start_timestamp
        self.memory = DeviceMemory(first, source.uV_per_sample_unit, setup.moderation, setup.liveness_ms)
        self.clock = DeviceClock(first)
        self.feed = Feed(source, self.memory.frames, stamp)
        self._moderation = setup.moderation
        self._nap = min(_LONGEST_NAP, setup.liveness_ms / 2000)
        self._stimulator = Stimulator(dish, first)
        self._heartbeat = Heartbeat()
        self.fault_injector = FaultInjector(self, setup.faults, random.Random(setup.seed))
        self.server = Server(setup.socket, self.memory, setup.attributes, self._interrupt_all)
        self._stdin = _Lines(sys.stdin.fileno()) if setup.stdin else None
        self._ended = False
        if self._stdin is not None:
            self.server.epoll.register(self._stdin.fd, select.EPOLLIN)
        if not setup.stopped:
            self._start()

    def end(self) -> None:
        """Leave `run` after this turn."""
        self._ended = True

    def run(self) -> None:
        """Be a device until `end`."""
        while not self._ended:
            self._sleep()
            self._serve()
            self._live()

    def close(self) -> None:
        """Give everything back."""
        self.server.close()
        self.memory.close()
        self._source.close()

    def _live(self) -> None:
        """Show a sign of life, and post what is due."""
        self.memory.beat()
        if self.memory.running:
            self._advance()
        if not self._stimulator.suspended and self._heartbeat.is_missing(self.server.controller, host_ns()):
            self._suspend()
        self.fault_injector.raise_late()

    # -- waiting --------------------------------------------------------------------------

    def _sleep(self) -> None:
        """Wait for the next block to be due, or for somebody who wants something."""
        memory = self.memory
        seconds = self._nap
        if memory.running:
            seconds = min(seconds, self.clock.seconds_until(memory.posted + memory.moderation))
        seconds = min(seconds, self.fault_injector.seconds_until_late())
        if seconds > 0:
            # select, since epoll's own timeout counts in milliseconds.
            select.select([self.server.epoll], [], [], seconds)

    def _serve(self) -> None:
        server = self.server
        for fd, _ in server.epoll.poll(0):
            if fd == server.doorbell:
                drain_eventfd(fd)
                self._take_commands()
            elif self._stdin is not None and fd == self._stdin.fd:
                self._take_lines(self._stdin)
            else:
                server.serve(fd)

    def _take_lines(self, lines: _Lines) -> None:
        for line in lines.read():
            try:
                self.fault_injector.now(parse_fault(line))
            except ValueError as error:
                say(str(error))
        if lines.closed:
            self.end()

    # -- frames ---------------------------------------------------------------------------

    def _advance(self) -> None:
        """Post whatever blocks are complete by now."""
        memory = self.memory
        self._take_moderation()
        posted, block = memory.posted, memory.moderation
        limit, ends = self.feed.limit()
        stop = posted + (min(self.clock.frame, limit) - posted) // block * block
        if ends and limit < posted + block:
            self.fail(f"the data source has ended at frame {limit}")
        if stop <= posted or self.fault_injector.stalled:
            return
        turn = max(block, _LONGEST_TURN // block * block)
        self._guard(lambda: self._post(min(stop, posted + turn)))
        self.fault_injector.look(memory.posted)

    def _post(self, stop: int) -> None:
        memory = self.memory
        pulses = self._stimulator.deliver(stop)
        spikes = self.feed.make(stop, pulses)
        memory.post(stop, spikes, reported(pulses))
        words = memory.words
        words[Register.RAISED_DATA] += 1
        words[Register.DATA_RAISED_NS] = host_ns()
        if self.fault_injector.lets_raise():
            self.server.raise_data()
        self.feed.lead(stop)

    def lose(self, frames: int) -> None:
        """Have the next frames never reach the ring: the counter goes on, there are zeros in their place."""
        memory = self.memory
        start, stop = memory.posted, memory.posted + frames
        self.clock.jump(frames)
        pulses = self._stimulator.deliver(stop)
        self.feed.make(stop, pulses)
        self.feed.blank(start, stop)
        memory.set_error(DeviceError.OVERRUN, f"{frames} frames were lost before frame {stop}")
        memory.words[Register.FRAMES_DROPPED] += frames
        memory.post(stop, ([], []), reported(pulses))
        self.server.raise_error()

    def overrun(self, frames: int) -> None:
        """Go on by a whole ring and `frames` more at once: those are gone before anybody could look."""
        ahead = self.memory.frames.capacity + frames
        self.clock.jump(ahead)
        self._post(self.memory.posted + ahead)

    def _guard(self, step: Callable[[], None]) -> None:
        """Do a step; a source that fails makes the device fail, with the source's own traceback."""
        try:
            step()
        except Exception:
            self.fail(traceback.format_exc())

    def fail(self, text: str) -> None:
        """Stop for good; time stands still from here on, as after STOP."""
        self.clock.stop(self.memory.posted)
        self.memory.fail(text)
        self.server.raise_error()

    def _take_moderation(self) -> None:
        controller = self.server.controller
        wanted = 0
        able = controller is not None and Capability.MODERATION in controller.capabilities
        if able and controller is not None and controller.page is not None:
            wanted = controller.page.words[ClientRegister.MODERATION_REQUEST]
        self.memory.words[Register.MODERATION] = min(wanted or self._moderation, MODERATION_LIMIT)

    # -- control --------------------------------------------------------------------------

    def _take_commands(self) -> None:
        server = self.server
        if server.port is None or server.controller is None:
            return
        try:
            self._take_control_request()
            while (port := server.port) is not None and (transaction := port.take()) is not None:
                self._execute(port, transaction)
                # A ring full of them takes seconds.
                self._live()
        except ProtocolError:
            # A controller that writes nonsense loses control, and its connection.
            if server.controller is not None:
                server.drop(server.controller)

    def _execute(self, port: CommandPort, transaction: Transaction) -> None:
        header, server = transaction.header, self.server
        result, text, step = Result.OK, "", 0
        refusal = self.fault_injector.refusal()
        assert server.controller is not None
        if refusal is not None:
            result, text = refusal
        elif Capability.STIMULATION not in server.controller.capabilities:
            result, text = Result.UNSUPPORTED, "stimulation was not agreed on"
        elif self.memory.words[Register.STATUS] == Status.FAILED:
            result, text = Result.REJECTED, "the device has failed"
        else:
            try:
                operations = self._decode(transaction.slots)
                if server.port is not port:
                    return  # Decoding took a while, and the controller has left.
                step = self._stimulator.submit(operations, header.step, header.at_step, self.clock.step)
            except (ValueError, TypeError, RuntimeError) as error:
                result, text = result_of(error), str(error)
        if self.fault_injector.lets_answer():
            port.answer(header.sequence, result, step, text)
            if self.fault_injector.lets_complete():
                server.raise_completion()

    def _decode(self, slots: bytes) -> list[Operation]:
        """Return a transaction's operations; time goes on meanwhile, if there are many."""
        operations: list[Operation] = []
        for at in range(0, len(slots), _DECODED * SLOT_BYTES):
            if at:
                self._live()
            operations += decode_operations(slots[at : at + _DECODED * SLOT_BYTES], at // SLOT_BYTES)
        return operations

    def _take_control_request(self) -> None:
        controller = self.server.controller
        assert controller is not None and controller.page is not None
        word = controller.page.words[ClientRegister.CONTROL_REQUEST]
        if word == controller.requested:
            return
        controller.requested = word
        words = self.memory.words
        words[Register.CONTROL_RESULT] = self._control(word & 0xFF)
        words[Register.CONTROL_DONE] = word
        self.server.raise_completion()

    def _control(self, request: int) -> Result:
        failed = self.memory.words[Register.STATUS] == Status.FAILED
        if request == Control.RESET:
            self._reset()
        elif failed:
            return Result.REJECTED
        elif request == Control.RESUME:
            self._resume()
        elif request == Control.START:
            self._start()
        elif request == Control.STOP:
            self._stop()
        else:
            return Result.UNSUPPORTED
        return Result.OK

    def _start(self) -> None:
        self.clock.start()
        self.memory.words[Register.STATUS] = Status.RUNNING

    def _stop(self) -> None:
        self.clock.stop(self.memory.posted)
        self.memory.words[Register.STATUS] = Status.STOPPED

    def _suspend(self) -> None:
        """End stimulation: the controller gives no sign of life."""
        words = self.memory.words
        self._stimulator.suspended = True
        words[Register.SUSPENDED_STEP] = self._stimulator.interrupt_all(self.clock.step)
        words[Register.SUSPENDED] = 1

    def _resume(self) -> None:
        """Take stims again."""
        self._stimulator.suspended = False
        self._heartbeat.restart()
        self.memory.words[Register.SUSPENDED] = 0

    def _reset(self) -> None:
        """Stop, with nothing queued and no error; the frame numbers go on where they were."""
        self._stop()
        self._interrupt_all()
        if self.server.port is not None:
            self.server.port.drop()
        self.memory.set_error(DeviceError.NONE, "")

    def _interrupt_all(self) -> None:
        """Begin anew, for whoever gets control next."""
        self._stimulator.interrupt_all(self.clock.step)
        self._resume()


class _Lines:
    """The lines that come in on a descriptor, without ever waiting for one."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.closed = False
        self._rest = b""

    def read(self) -> list[str]:
        data = os.read(self.fd, 4096)
        self.closed = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode() for line in lines if line.strip()]
