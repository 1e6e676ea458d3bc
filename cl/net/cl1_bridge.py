"""A CL1 as it ships, served by the network protocol of cl-aio (`docs/network-protocol.md`).

Run it with the Python that has the vendor's `cl` package, on the device or wherever that package is:

    /path/to/python cl1_bridge.py --port 1075

It needs that package, numpy and websockets (13 or newer), nothing else: copy this one file. Programs
elsewhere, in another environment of the same machine for one, then open the device by
`cl.open(device="ws://127.0.0.1:1075/device")`. Of the vendor's package only the public functions are used:
`open`, `loop`, `stim`, `interrupt`, `sync`, plans, `get_system_attributes`. The loop runs in the main thread,
at `--ticks-per-second`, and waits for nobody; clients are served by another one, from a history.
Commands are done in the loop's body, and count as of its tick.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import importlib
import itertools
import json
import os
import queue
import secrets
import signal
import ssl
import struct
import sys
import threading
import time
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":  # the folder of this file holds modules that are no programs' business
    sys.path[:] = [
        folder for folder in sys.path if Path(folder or ".").resolve() != Path(__file__).resolve().parent
    ]

import numpy as np
import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

VERSION: Final = 1
MINOR: Final = 0
SUBPROTOCOL: Final = "cl-device.1"
PATH: Final = "/device"
CAPABILITIES: Final = ("frames", "events", "stimulation", "resume")
HELLO, SUBSCRIBE, CREDIT, COMMAND, CONTROL, PING, BYE = range(1, 8)
WELCOME, DATA, LAG, ANSWER, PONG, STATE, FAULT = range(64, 71)
FRAMES, EVENTS = 1, 2
JUMPS = 1
DONE, INVALID, REJECTED, _, _, _, _, WITHOUT_CONTROL, UNSUPPORTED, BUSY, GONE = range(11)
BY_ERROR: Final = {
    "ChannelQueueFull": 3,
    "SyncLimitExceeded": 4,
    "RunTimestampOrderError": 5,
    "DeferredInterruptLimitExceeded": 6,
    "TransactionRejected": REJECTED,
    "ControlRequiredError": WITHOUT_CONTROL,
    "ControlRequestError": BUSY,
    "NotImplementedError": UNSUPPORTED,
    "ValueError": INVALID,
    "TypeError": INVALID,
}
"""The outcome of a command by the class of the vendor's exception, or by one of its bases."""
MALFORMED, OLD_VERSION, FULL, DEVICE_FAILED, ENDS, TOKEN_EXPIRED, REPLACED = range(1, 8)

ENVELOPE: Final = struct.Struct("<BBHI")
SUBSCRIPTION: Final = struct.Struct("<qII")
COMMAND_HEAD: Final = struct.Struct("<QqqII")
OPERATION: Final = struct.Struct("<B7xQ3Q3Q3d")
CONTROL_BODY: Final = struct.Struct("<QB7x")
ANSWER_HEAD: Final = struct.Struct("<QIq")
DATA_HEAD: Final = struct.Struct("<qqIIII")
LAG_BODY: Final = struct.Struct("<qqQQQ")
PONG_BODY: Final = struct.Struct("<qqqqqq")

CHANNELS: Final = 64
FRAMES_PER_SECOND: Final = 25_000
FRAME_NS: Final = 40_000
STEPS_PER_SECOND: Final = 50_000
STEP_US: Final = 20
NOTICE_US: Final = 80
SLACK_FRAMES: Final = FRAMES_PER_SECOND
"""Frames of the ring beyond the history: a reader has so long before what it reads is written over."""
COUNTED_FRAMES: Final = 120 * FRAMES_PER_SECOND
"""For so long it is known how many events there were, to tell those who missed them."""
MOST_FRAMES: Final = 2_500
MESSAGE_LIMIT: Final = 1 << 22
JSON_LIMIT: Final = 1 << 16
TEXT_LIMIT: Final = 4_096
NAME_LIMIT: Final = 200
FRAME_LIMIT: Final = 1 << 62
MOST_OPERATIONS: Final = 1 << 15
MOST_STEPS: Final = 1 << 61
MOST_CLIENTS: Final = 32
HELLO_S: Final = 5.0
HEARTBEAT_S: Final = 0.25
SILENCE_S: Final = 1.0
CLOSED_AFTER_S: Final = 10.0
KEPT_S: Final = 60.0
KEPT_ANSWERS: Final = 256
UNKNOWN_DESIGN: Final = 0xFFFF
CLOCK_TICKS: Final = 5_000
"""The clock's relation to frames is that of the most punctual of so many ticks."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Malformed(Exception):
    """A client said something that the protocol does not allow."""


class Ended(Exception):
    """A connection ends; the fault says why."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


# -- what the device has shown --------------------------------------------------------------------


class History:
    """The last frames and events. One thread writes, others read; the lock is held for microseconds."""

    def __init__(self, first: int, frames: int) -> None:
        self.first = self.position = first
        self.size = frames
        self._ring = np.zeros((frames + SLACK_FRAMES, CHANNELS), np.int16)
        self._lock = threading.Lock()
        self._times: dict[str, list[int]] = {"spikes": [], "stims": []}
        self._channels: dict[str, list[int]] = {"spikes": [], "stims": []}
        self._trimmed = first

    @property
    def oldest(self) -> int:
        """The oldest frame that can be read."""
        return max(self.first, self.position - self.size)

    def add(self, stop: int, frames: np.ndarray, spikes: Iterable[Any], stims: Iterable[Any]) -> None:
        """Add what happened from the position on; it is seen when it is whole."""
        start, size = self.position, len(self._ring)
        at = start % size
        head = min(stop - start, size - at)
        self._ring[at : at + head] = frames[:head]
        self._ring[: stop - start - head] = frames[head:]
        with self._lock:
            for name, events in (("spikes", spikes), ("stims", stims)):
                found = sorted((event.timestamp, event.channel) for event in events)
                self._times[name].extend(timestamp for timestamp, _ in found)
                self._channels[name].extend(channel for _, channel in found)
            self.position = stop
            if stop - self._trimmed > 2 * COUNTED_FRAMES:
                self._trim(stop - COUNTED_FRAMES)

    def _trim(self, before: int) -> None:
        self._trimmed = before
        for name, times in self._times.items():
            gone = bisect_left(times, before)
            del times[:gone], self._channels[name][:gone]

    def frames(self, start: int, stop: int) -> bytes:
        """Return the samples of [start, stop), which must still be there."""
        size = len(self._ring)
        at = start % size
        head = min(stop - start, size - at)
        return self._ring[at : at + head].tobytes() + self._ring[: stop - start - head].tobytes()

    def events(self, name: str, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return the times, less `start`, and the channels of the events of [start, stop)."""
        with self._lock:
            times = self._times[name]
            low, high = bisect_left(times, start), bisect_left(times, stop)
            return [time - start for time in times[low:high]], self._channels[name][low:high]

    def count(self, name: str, start: int, stop: int) -> int:
        """Return how many events there were in [start, stop)."""
        with self._lock:
            times = self._times[name]
            return bisect_left(times, stop) - bisect_left(times, start)


class DeviceClock:
    """When frames exist, on this computer's monotonic clock: by the ticks that came with the least delay."""

    def __init__(self) -> None:
        self._stamps: deque[tuple[int, int]] = deque(maxlen=CLOCK_TICKS)
        self._least = 0
        self._spread = 0

    def note(self, frame: int, ns: int) -> None:
        """Note that the frames before `frame` were there at `ns`."""
        offset = ns - frame * FRAME_NS
        stamps = self._stamps
        if not stamps or offset <= self._least:
            self._least = offset
        elif len(stamps) == CLOCK_TICKS and stamps[0][1] <= self._least:
            self._least = min(other for _, other in itertools.islice(stamps, 1, None))
        stamps.append((frame, offset))

    def at(self, frame: int) -> tuple[int, int]:
        """Return when the frames before `frame` existed, and by how much that may be wrong, in ns."""
        return (self._least + frame * FRAME_NS, FRAME_NS) if self._stamps else (0, -1)


# -- the device -----------------------------------------------------------------------------------


class Job:
    """Something that the device's thread does between two ticks; its answer goes to `done`."""

    def __init__(self, do: Callable[[Any], None], done: Callable[[int, int, str], None]) -> None:
        self.do = do
        self.done = done


class Device:
    """The vendor's device: its loop, its history, and what is to be done in its thread."""

    def __init__(
        self, package: Any, ticks_per_second: int, history_seconds: float, record: Path | None = None
    ) -> None:
        self.package = package
        self.history_frames = round(history_seconds * FRAMES_PER_SECOND)
        self.ticks_per_second = ticks_per_second
        self.history: History | None = None
        self.clock = DeviceClock()
        self.attributes: dict[str, Any] = {}
        self.status, self.text = "running", ""
        self.wake: Callable[[], None] = lambda: None
        self.ready = threading.Event()
        self._record = record
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._stopping = False

    def ask(self, job: Job) -> None:
        """Have the device's thread do something."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Have the loop end after its tick. For signal handlers, too."""
        self._stopping = True

    def run(self) -> None:
        """Drive the device until `stop`, or until it fails; what waits then is refused."""
        try:
            with self.package.open(take_control=False) as neurons:
                self.attributes = _attributes(self.package)
                recording = neurons.record(file_location=str(self._record)) if self._record else None
                try:
                    self._loop(neurons)
                finally:
                    if recording is not None:
                        recording.stop()
        except Exception as error:
            self.status, self.text = "failed", f"{type(error).__name__}: {error}"
            raise
        finally:
            if self.status == "running":
                self.status = "stopped"
            self.ready.set()
            self._refuse_jobs()
            self.wake()

    def _loop(self, neurons: Any) -> None:
        for tick in neurons.loop(self.ticks_per_second, ignore_jitter=True):
            stamp = time.monotonic_ns()
            analysis = tick.analysis
            history = self.history
            if history is None:
                history = self.history = History(int(analysis.start_timestamp), self.history_frames)
            elif analysis.start_timestamp != history.position:
                raise RuntimeError(
                    f"the device's loop went from frame {history.position} to {analysis.start_timestamp}"
                )
            history.add(int(analysis.stop_timestamp), tick.frames, analysis.spikes, analysis.stims)
            self.clock.note(history.position, stamp)
            self._do_jobs(neurons, history)
            self.ready.set()
            self.wake()
            if self._stopping:
                return

    def _do_jobs(self, neurons: Any, history: History) -> None:
        while not self._jobs.empty():
            job = self._jobs.get()
            try:
                job.do(neurons)
            except Exception as error:
                job.done(outcome_of(error), history.position, str(error))
            else:
                job.done(DONE, history.position, "")

    def _refuse_jobs(self) -> None:
        position = 0 if self.history is None else self.history.position
        while not self._jobs.empty():
            self._jobs.get().done(GONE, position, self.text or "the device has been closed")


def _attributes(package: Any) -> dict[str, Any]:
    found = dict(package.get_system_attributes())
    loaded: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return loaded


def outcome_of(error: Exception) -> int:
    """Return the outcome that stands for an exception of the vendor's."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((BY_ERROR[name] for name in names if name in BY_ERROR), REJECTED)


# -- commands -------------------------------------------------------------------------------------


class Operation:
    """An operation of a command, in the values of the vendor's package."""

    def __init__(self, package: Any, record: bytes) -> None:
        kind, mask, count, period, delay, *numbers = OPERATION.unpack(record)
        channels = [channel for channel in range(CHANNELS) if mask >> channel & 1]
        if not channels:
            raise ValueError("it has no channels")
        if kind not in (1, 2, 3):
            raise ValueError(f"of the unknown kind {kind}")
        self.kind = kind
        self.mask = mask
        self.channels = package.ChannelSet(*channels)
        self.stim: tuple[Any, ...] = ()
        if kind == 1:
            self.stim = _stim(package, count, period, delay, numbers[:3], numbers[3:])
        elif any((count, period, delay, *numbers)):
            raise ValueError("numbers where none belong")

    def add_to(self, target: Any) -> None:
        """Give the operation to `neurons`, or to a plan."""
        if self.kind == 1:
            target.stim(self.channels, *self.stim)
        elif self.kind == 2:
            target.sync(self.channels)
        else:
            target.interrupt(self.channels)


def _stim(
    package: Any, count: int, period: int, delay: int, durations: list[int], currents: list[float]
) -> tuple[Any, Any, int]:
    """Return the design, the burst or None, and the lead time of a stim."""
    phases = sum(duration > 0 for duration in durations)
    if any(durations[phases:]) or any(currents[phases:]):
        raise ValueError(f"phases of {durations} µs and {currents} µA")
    if max(count, period, delay) >= MOST_STEPS:
        raise ValueError(f"a number is not below {MOST_STEPS}")
    design = package.StimDesign(*itertools.chain(*zip(durations[:phases], currents[:phases], strict=True)))
    alone = max(STEPS_PER_SECOND // 200, (NOTICE_US + sum(durations)) // STEP_US)
    burst = None
    if count != 1 or period != alone:
        if not period:
            raise ValueError("a burst with a period of 0 steps")
        burst = package.BurstDesign(count, STEPS_PER_SECOND / period)
    return design, burst, NOTICE_US + STEP_US * delay


def command(package: Any, records: bytes, at: int | None) -> Callable[[Any], None]:
    """Return what a command does to the vendor's `neurons`, checked as far as the vendor's values are."""
    operations = []
    for number, start in enumerate(range(0, len(records), OPERATION.size)):
        try:
            operations.append(Operation(package, records[start : start + OPERATION.size]))
        except (ValueError, TypeError) as error:
            raise ValueError(f"operation {number}: {error}") from None
    first = operations[0]
    if at is None and len(operations) == 1:
        return first.add_to
    if at is None and [each.kind for each in operations] == [3, 1] and first.mask == operations[1].mask:
        return lambda neurons: neurons.interrupt_then_stim(first.channels, *operations[1].stim)
    return lambda neurons: _run_plan(neurons, operations, at)


def _run_plan(neurons: Any, operations: Sequence[Operation], at: int | None) -> None:
    plan = neurons.create_stim_plan()
    for operation in operations:
        operation.add_to(plan)
    if at is None:
        plan.run()
    else:
        plan.run(at_timestamp=at)


# -- sessions and control -------------------------------------------------------------------------


class Session:
    """A client, in all its connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client: Client | None = None
        self.answers: OrderedDict[int, bytes] = OrderedDict()
        self.last_id = 0
        self.waiting: set[int] = set()
        self.heard = self.lost = time.monotonic()

    def answer(self, id: int, outcome: int, frame: int, text: str) -> None:
        """Answer a command, on the connection that there is, and keep the answer."""
        body = ANSWER_HEAD.pack(id, outcome, frame) + _cut(text)
        self.waiting.discard(id)
        self.answers[id] = body
        while len(self.answers) > KEPT_ANSWERS:
            self.answers.popitem(last=False)
        self.repeat(id)

    def repeat(self, id: int) -> None:
        """Send an answer, again perhaps."""
        if self.client is not None:
            self.client.post(ANSWER, self.answers[id])


class Bridge:
    """Clients on one side, the device on the other. All methods are for the thread of the event loop."""

    def __init__(self, device: Device, options: argparse.Namespace) -> None:
        self.device = device
        self.options = options
        self.server_id = secrets.token_hex(16)
        self.sessions: dict[str, Session] = {}
        self.clients: set[Client] = set()
        self.controller: Session | None = None
        self.loop = asyncio.get_running_loop()
        self._woken = False
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Tell the clients that there is news. For the device's thread, once a tick."""
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._tell)
            except RuntimeError:
                pass  # the event loop has ended

    def _tell(self) -> None:
        self._woken = False
        for client in self.clients:
            client.may_send.set()

    @property
    def history(self) -> History:
        """What the device has shown; it has begun before anybody is served."""
        assert self.device.history is not None
        return self.device.history

    def session_of(self, key: str, name: str) -> tuple[Session, bool]:
        """Return the session of a client, and whether it was known."""
        known = key in self.sessions
        if not known:
            self.sessions[key] = Session(name)
        return self.sessions[key], known

    def submit(self, session: Session, id: int, do: Callable[[Any], None]) -> None:
        """Have a command done, which is answered when it is."""

        def done(outcome: int, frame: int, text: str) -> None:
            try:
                self.loop.call_soon_threadsafe(session.answer, id, outcome, frame, text)
            except RuntimeError:
                pass  # the event loop has ended

        self.device.ask(Job(do, done))

    # -- control

    def take(self, session: Session, id: int) -> None:
        """Give a session control, unless another has it."""
        if self.controller is session:
            session.answer(id, DONE, self.history.position, "")
        elif self.controller is not None:
            text = f"{self.controller.name} has control"
            session.answer(id, BUSY, self.history.position, text)
        else:
            self.controller = session
            self.submit(session, id, lambda neurons: self._take(neurons, session))
            self.tell_state()

    def _take(self, neurons: Any, session: Session) -> None:
        try:
            neurons.take_control()
        except Exception:
            self.loop.call_soon_threadsafe(self._without, session)
            raise

    def _without(self, session: Session) -> None:
        if self.controller is session:
            self.controller = None
            self.tell_state()

    def release(self, session: Session, id: int | None = None, finish: bool = False) -> None:
        """Take control from a session that has it; what it had queued is interrupted, or finished."""
        if self.controller is session:
            self.controller = None
            package = self.device.package

            def let_go(neurons: Any) -> None:
                if not finish:
                    neurons.interrupt(package.ChannelSet(*range(CHANNELS)))
                neurons.release_control()

            if id is None:
                self.device.ask(Job(let_go, lambda *_: None))
            else:
                self.submit(session, id, let_go)
            self.tell_state()
        elif id is not None:
            session.answer(id, DONE, self.history.position, "")

    def tell_state(self) -> None:
        """Tell all clients who has control, and how the device is."""
        for client in self.clients:
            client.post(STATE, _json(self.state(client.session)))

    def state(self, session: Session | None) -> dict[str, Any]:
        """Return what STATE says to a session."""
        controller = self.controller
        return {
            "status": self.device.status,
            "controller": None if controller is None else controller.name,
            "yours": controller is not None and controller is session,
            "text": self.device.text,
        }

    # -- what takes its time

    async def watch(self) -> None:
        """Look after leases, silence, sessions that nobody comes back to, and the device's end."""
        while self.device.status == "running":
            await asyncio.sleep(0.1)
            now = time.monotonic()
            holder = self.controller
            if holder is not None and now - holder.heard > self.options.lease_seconds:
                print(
                    f"cl1_bridge: {holder.name} is silent and has lost control", file=sys.stderr, flush=True
                )
                self.release(holder, finish=self.options.on_lost == "finish")
            for client in list(self.clients):
                if now - client.heard > max(CLOSED_AFTER_S, self.options.lease_seconds):
                    client.drop()
            for key, session in list(self.sessions.items()):
                if session.client is None and session is not self.controller and now - session.lost > KEPT_S:
                    del self.sessions[key]

    async def serve_client(self, socket: ServerConnection) -> None:
        """Serve a connection until it ends."""
        client = Client(self, socket)
        self.clients.add(client)
        try:
            await client.run()
        finally:
            self.clients.discard(client)

    async def end(self) -> None:
        """Say goodbye to everybody."""
        failed = self.device.status == "failed"
        for client in list(self.clients):
            code, text = (DEVICE_FAILED, self.device.text) if failed else (ENDS, "the bridge ends")
            await client.fault(code, text)


class Client:
    """A connection: what it has subscribed to, and what it may still be sent."""

    def __init__(self, bridge: Bridge, socket: ServerConnection) -> None:
        self.bridge = bridge
        self.socket = socket
        self.session: Session | None = None
        self.heard = time.monotonic()
        self._expected = 0
        self._number = 0
        self._outbox: deque[tuple[int, bytes]] = deque()
        self.may_send = asyncio.Event()
        """Set where there may be something to send."""
        self._wanted = 0
        self._next = self._interval = self._credit = 0
        self._ended = False

    # -- sending

    def post(self, kind: int, body: bytes) -> None:
        """Have a message sent as soon as the one that is under way has gone."""
        self._outbox.append((kind, body))
        self.may_send.set()

    async def _send(self, kind: int, body: bytes, flags: int = 0) -> None:
        number, self._number = self._number, self._number + 1 & 0xFFFFFFFF
        await self.socket.send(ENVELOPE.pack(kind, VERSION, flags, number) + body)

    async def fault(self, code: int, text: str) -> None:
        """Say why the connection ends, and end it."""
        if self._ended:
            return
        self._ended = True
        try:
            async with asyncio.timeout(1):
                await self._send(FAULT, struct.pack("<I", code) + _cut(text))
                await self.socket.close(1002 if code == MALFORMED else 1008 if code == REPLACED else 1001)
        except (TimeoutError, websockets.ConnectionClosed):
            self.drop()

    def drop(self) -> None:
        """End a connection whose far side does not answer."""
        self._ended = True
        self.socket.transport.abort()

    # -- the life of a connection

    async def run(self) -> None:
        """Serve the connection; whatever ends it, the session stays for a while."""
        sending: asyncio.Task[None] | None = None
        polite = False
        try:
            await self._greet()
            sending = asyncio.create_task(self._send_all())
            polite = await self._take_all()
        except Ended as error:
            await self.fault(error.code, str(error))
        except Malformed as error:
            await self.fault(MALFORMED, str(error))
        except websockets.ConnectionClosed as error:
            polite = error.rcvd is not None and error.rcvd.code == 1000
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            self._leave(polite)

    def _leave(self, polite: bool) -> None:
        session = self.session
        if session is None or session.client is not self:
            return
        session.client = None
        session.lost = time.monotonic()
        if polite:
            self.bridge.release(session)

    async def _greet(self) -> None:
        bridge = self.bridge
        if len(bridge.clients) > MOST_CLIENTS:
            raise Ended(FULL, f"there are {MOST_CLIENTS} clients already")
        try:
            async with asyncio.timeout(HELLO_S):
                kind, _, body = self._message(await self.socket.recv())
        except TimeoutError:
            raise Malformed(f"no HELLO within {HELLO_S:g} s") from None
        if kind != HELLO:
            raise Malformed(f"a message of kind {kind} before HELLO")
        hello = Hello(body)
        if not hello.lowest <= VERSION <= hello.highest:
            raise Ended(OLD_VERSION, f"this server speaks version {VERSION}")
        session, known = bridge.session_of(hello.session, hello.name)
        before, session.client = session.client, self
        self.session = session
        session.heard = time.monotonic()
        if before is not None:
            await before.fault(REPLACED, "another connection of this session")
        await self._send(WELCOME, _json(self._welcome(hello, session, known)))

    def _welcome(self, hello: Hello, session: Session, known: bool) -> dict[str, Any]:
        bridge, history = self.bridge, self.bridge.history
        return {
            "protocol": VERSION,
            "minor": MINOR,
            "server": bridge.server_id,
            "resumed": known and hello.server == bridge.server_id,
            "capabilities": [each for each in CAPABILITIES if each in hello.capabilities],
            "device": f"{bridge.device.attributes.get('system_id', 'CL1')}, by cl1_bridge",
            "channels": CHANNELS,
            "frames_per_second": FRAMES_PER_SECOND,
            "uV_per_sample_unit": 0.195,
            "first_frame": history.first,
            "oldest": history.oldest,
            "position": history.position,
            "history_frames": history.size,
            "interval_frames": FRAMES_PER_SECOND // bridge.device.ticks_per_second,
            "lease_ms": round(bridge.options.lease_seconds * 1000),
            "heartbeat_ms": round(HEARTBEAT_S * 1000),
            "silence_ms": round(SILENCE_S * 1000),
            "attributes": bridge.device.attributes,
            "state": bridge.state(session),
        }

    # -- what the client says

    def _message(self, message: bytes | str) -> tuple[int, int, bytes]:
        """Return the kind, the flags and the body of a message."""
        if isinstance(message, str) or len(message) < ENVELOPE.size:
            raise Malformed(
                f"a message of {len(message)} {'letters' if isinstance(message, str) else 'bytes'}"
            )
        kind, version, flags, number = ENVELOPE.unpack_from(message)
        if version != VERSION or number != self._expected:
            raise Malformed(f"message {number} of version {version}, where {self._expected} comes next")
        self._expected = number + 1 & 0xFFFFFFFF
        self.heard = time.monotonic()
        if self.session is not None:
            self.session.heard = self.heard
        return kind, flags, message[ENVELOPE.size :]

    async def _take_all(self) -> bool:
        """Take messages until BYE; return True then."""
        takers = {
            SUBSCRIBE: self._subscribe,
            CREDIT: self._take_credit,
            COMMAND: self._command,
            CONTROL: self._control,
            PING: self._ping,
        }
        while True:
            came = await self.socket.recv()
            kind, flags, body = self._message(came)
            if kind == BYE and not body:
                assert self.session is not None
                self.bridge.release(self.session)
                self.bridge.sessions = {
                    key: session
                    for key, session in self.bridge.sessions.items()
                    if session is not self.session
                }
                return True
            taker = takers.get(kind)
            if taker is None:
                raise Malformed(f"a message of kind {kind}, of {len(body)} bytes")
            taker(flags, body)

    def _subscribe(self, flags: int, body: bytes) -> None:
        start, credit, interval = _unpacked(SUBSCRIPTION, body, "SUBSCRIBE")
        position = self.bridge.history.position
        if not -1 <= start <= position or flags & ~(FRAMES | EVENTS):
            raise Malformed(f"SUBSCRIBE from {start} at {position}, with the flags {flags:#x}")
        self._wanted, self._credit = flags, credit
        self._next = position if start < 0 else start
        self._interval = min(interval, MOST_FRAMES)
        self.may_send.set()

    def _take_credit(self, flags: int, body: bytes) -> None:
        (size,) = _unpacked(struct.Struct("<I"), body, "CREDIT")
        self._credit += size
        self.may_send.set()

    def _ping(self, flags: int, body: bytes) -> None:
        came = time.monotonic_ns()
        (sent,) = _unpacked(struct.Struct("<q"), body, "PING")
        # Its place in the order is now; the stamp of its going is made then.
        self.post(PONG, struct.pack("<qq", sent, came))

    def _pong(self, stamps: bytes) -> bytes:
        position = self.bridge.history.position
        frame_ns, error_ns = self.bridge.device.clock.at(position)
        return stamps + struct.pack("<qqqq", time.monotonic_ns(), position, frame_ns, error_ns)

    def _is_new(self, id: int) -> bool:
        """Return whether a command is to be done; one that was done before is answered again."""
        session = self.session
        assert session is not None
        if not 1 <= id < FRAME_LIMIT:
            raise Malformed(f"a command with the id {id}")
        if id > session.last_id:
            session.last_id = id
            session.waiting.add(id)
            return True
        if id in session.answers:
            session.repeat(id)
        elif id not in session.waiting:
            text = f"command {id} came before, and its answer is no longer known"
            self.post(ANSWER, ANSWER_HEAD.pack(id, REJECTED, self.bridge.history.position) + _cut(text))
        return False

    def _command(self, flags: int, body: bytes) -> None:
        if len(body) < COMMAND_HEAD.size:
            raise Malformed(f"a COMMAND of {len(body)} bytes")
        id, as_of, at, count, zero = COMMAND_HEAD.unpack_from(body)
        if (
            not 1 <= count <= MOST_OPERATIONS
            or len(body) != COMMAND_HEAD.size + count * OPERATION.size
            or zero
        ):
            raise Malformed(f"a COMMAND of {count} operations in {len(body)} bytes")
        if not 0 <= as_of < FRAME_LIMIT or not -1 <= at < FRAME_LIMIT:
            raise Malformed(f"a COMMAND as of {as_of}, at {at}")
        if not self._is_new(id):
            return
        session, bridge = self.session, self.bridge
        assert session is not None
        if bridge.controller is not session:
            text = "the client has no control of the device"
            session.answer(id, WITHOUT_CONTROL, bridge.history.position, text)
            return
        try:
            do = command(bridge.device.package, body[COMMAND_HEAD.size :], None if at < 0 else at)
        except ValueError as error:
            session.answer(id, INVALID, bridge.history.position, str(error))
        else:
            bridge.submit(session, id, do)

    def _control(self, flags: int, body: bytes) -> None:
        id, action = _unpacked(CONTROL_BODY, body, "CONTROL")
        if action not in (1, 2):
            raise Malformed(f"CONTROL with the action {action}")
        if self._is_new(id):
            assert self.session is not None
            if action == 1:
                self.bridge.take(self.session, id)
            else:
                self.bridge.release(self.session, id)

    # -- what the client is sent

    async def _send_all(self) -> None:
        """Send answers as they come, and data as there is credit."""
        bridge = self.bridge
        try:
            while bridge.device.status == "running":
                self.may_send.clear()
                while self._outbox:
                    kind, body = self._outbox.popleft()
                    await self._send(kind, self._pong(body) if kind == PONG else body)
                if self._credit > 0 and self._wanted and await self._send_data():
                    continue
                await self.may_send.wait()
        except websockets.ConnectionClosed:
            pass  # the side that takes messages sees it, too

    async def _send_data(self) -> bool:
        """Send the next DATA message, or the LAG before it; return whether there was any."""
        history = self.bridge.history
        start, position = self._next, history.position
        if start < history.oldest:
            # The very oldest would be gone before it is sent.
            resumed = min(position, history.oldest + MOST_FRAMES)
            await self._send(LAG, self._lag(start, resumed), JUMPS)
            return True
        stop = min(position, start + MOST_FRAMES)
        if stop <= start or stop - start < min(self._interval, MOST_FRAMES):
            return False
        body = self._data(history, start, stop)
        if start < history.position - history.size - SLACK_FRAMES // 2:
            return True  # it has been written over meanwhile: the next time round is a LAG
        self._next = stop
        self._credit -= ENVELOPE.size + len(body)
        await self._send(DATA, body, self._wanted)
        return True

    def _lag(self, start: int, stop: int) -> bytes:
        history = self.bridge.history
        self._next = stop
        spikes, stims = (
            history.count(name, start, stop) if self._wanted & EVENTS else 0 for name in ("spikes", "stims")
        )
        return LAG_BODY.pack(start, stop, stop - start if self._wanted & FRAMES else 0, spikes, stims)

    def _data(self, history: History, start: int, stop: int) -> bytes:
        samples = history.frames(start, stop) if self._wanted & FRAMES else b""
        if not self._wanted & EVENTS:
            return DATA_HEAD.pack(start, stop, 0, 0, 0, 0) + samples
        spikes, spike_channels = history.events("spikes", start, stop)
        stims, stim_channels = history.events("stims", start, stop)
        return b"".join(
            (
                DATA_HEAD.pack(start, stop, len(spikes), len(stims), 0, 0),
                samples,
                struct.pack(f"<{len(spikes)}I", *spikes),
                bytes(spike_channels),
                struct.pack(f"<{len(stims)}I", *stims),
                bytes(stim_channels),
                # The vendor's loop does not say which design a stim has.
                struct.pack(f"<{len(stims)}H", *(UNKNOWN_DESIGN for _ in stims)),
            )
        )


class Hello:
    """What a client says of itself."""

    def __init__(self, body: bytes) -> None:
        try:
            found: Any = json.loads(body) if len(body) <= JSON_LIMIT else None
            self.lowest, self.highest = map(_whole, found["protocol"])
            self.capabilities = [str(each) for each in found["capabilities"]]
            self.session = str(found["session"])
            self.name = str(found["name"])[:NAME_LIMIT]
            self.server = found.get("server")
            int(self.session, 16)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Malformed(f"a HELLO that is none: {type(error).__name__}") from None
        if len(self.session) != 32:
            raise Malformed("a session is 32 hexadecimal digits")


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("no whole number")
    return value


def _unpacked(form: struct.Struct, body: bytes, what: str) -> tuple[int, ...]:
    if len(body) != form.size:
        raise Malformed(f"{what} of {len(body)} bytes, not {form.size}")
    return form.unpack(body)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _cut(text: str) -> bytes:
    return text.encode(errors="replace")[:TEXT_LIMIT].decode(errors="ignore").encode()


# -- who may come in ------------------------------------------------------------------------------


class Gate:
    """Who may connect: by the path, the Origin, and the token where there are some."""

    def __init__(self, token_file: Path | None) -> None:
        self._file = token_file

    def refusal(self, connection: ServerConnection, request: Any) -> Any:
        """Return the response to a request that is refused, or None. Called by websockets."""
        if not request.path.partition("?")[0].endswith(PATH):
            return connection.respond(404, f"the device is at {PATH}\n")
        if "Origin" in request.headers:
            return connection.respond(403, "this is not for web pages\n")
        if self._file is not None and not self.lets_in(request.headers.get("Authorization", "")):
            return connection.respond(401, "a token is needed\n")
        return None

    def lets_in(self, authorization: str) -> bool:
        """Return whether a header has one of the tokens that are good now; the file is read each time."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            import base64

            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        elif scheme.lower() != "bearer":
            return False
        found = False
        for token in self._tokens():
            found |= hmac.compare_digest(token.encode(), given.strip().encode())
        return found

    def _tokens(self) -> list[str]:
        assert self._file is not None
        tokens = []
        for line in self._file.read_text("utf-8").splitlines():
            token, _, expiry = line.strip().partition(" ")
            if token and not token.startswith("#") and _is_ahead(expiry.strip()):
                tokens.append(token)
        return tokens


def _is_ahead(expiry: str) -> bool:
    """Return whether an ISO time is still to come; none never comes."""
    if not expiry:
        return True
    try:
        moment = datetime.fromisoformat(expiry)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > datetime.now(UTC)


# -- the program ----------------------------------------------------------------------------------


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options, checked."""
    parser = argparse.ArgumentParser(description="Serve a CL1 as it ships to programs elsewhere.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1075, help="0: any that is free; it is printed")
    parser.add_argument(
        "--token-file", type=Path, help="one token a line, with an ISO time of expiry perhaps"
    )
    parser.add_argument("--cert", type=Path, help="TLS: the certificate, PEM")
    parser.add_argument("--key", type=Path, help="TLS: its key, PEM")
    parser.add_argument(
        "--ticks-per-second", type=int, default=1000, help="of the device's loop (default 1000)"
    )
    parser.add_argument(
        "--lease-seconds", type=float, default=5.0, help="silence after which control is lost"
    )
    parser.add_argument("--on-lost", choices=("interrupt", "finish"), default="interrupt")
    parser.add_argument("--history-seconds", type=float, default=10.0, help="what a slow client can catch up")
    parser.add_argument("--record", type=Path, help="also have the vendor's package record into this folder")
    options = parser.parse_args(arguments)
    if options.host not in LOOPBACK and not (options.token_file and options.cert):
        parser.error(
            f"--host {options.host} is beyond this computer: that takes --token-file, --cert and --key"
        )
    if not 10 <= options.ticks_per_second <= 5_000:
        parser.error(f"--ticks-per-second {options.ticks_per_second}: 10 to 5000")
    if not 1 <= options.history_seconds <= 600:
        parser.error(f"--history-seconds {options.history_seconds:g}: 1 to 600")
    if not 0.5 <= options.lease_seconds <= 600:
        parser.error(f"--lease-seconds {options.lease_seconds:g}: 0.5 to 600")
    if os.environ.get("CL_SDK_ACCELERATED_TIME", "0").strip().lower() not in ("", "0", "false", "no", "off"):
        parser.error("CL_SDK_ACCELERATED_TIME is set: a device that is served lives in wall-clock time")
    return options


async def _serve(device: Device, options: argparse.Namespace, say: Callable[[str], None]) -> None:
    bridge = Bridge(device, options)
    device.wake = bridge.wake
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    server: Server = await serve(
        bridge.serve_client,
        options.host,
        options.port,
        ssl=context,
        process_request=Gate(options.token_file).refusal,
        subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
        compression=None,
        max_size=MESSAGE_LIMIT,
        ping_interval=None,
    )
    port = next(iter(server.sockets)).getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    say(f"serving the device at {'wss' if context else 'ws'}://{host}:{port}{PATH}")
    async with server:
        await bridge.watch()
        await bridge.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes, or until the device fails; return the exit status."""
    options = parse(arguments)
    # Its package may start processes of its own; in a checkout of cl-aio they would find that one's `cl`.
    os.environ["PYTHONSAFEPATH"] = "1"
    package = importlib.import_module("cl")
    device = Device(package, options.ticks_per_second, options.history_seconds, options.record)
    failed: list[BaseException] = []

    def serve_all() -> None:
        device.ready.wait()
        if device.status != "running":
            return
        try:
            asyncio.run(_serve(device, options, lambda line: print(line, flush=True)))
        except BaseException as error:
            failed.append(error)
            device.stop()

    network = threading.Thread(target=serve_all, name="cl1_bridge network")
    # Before it starts: it is waited for at the end of the process, and waits for the device.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: device.stop())
    network.start()
    try:
        device.run()
    except Exception as error:
        print(f"cl1_bridge: the device has failed: {error}", file=sys.stderr)
    network.join()
    for reason in failed:
        print(f"cl1_bridge: {reason}", file=sys.stderr)
    return 1 if failed or device.status == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
