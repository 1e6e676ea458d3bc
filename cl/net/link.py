"""The client's side of a link: one session with a server, over as many connections as it takes."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Final, Protocol

from cl._core.host_clock import host_ns
from cl._values.saying import Log
from cl._values.thread_start import start_thread
from cl.error import ControlRequiredError, DeviceDisconnectedError

from .connection import Connection, ConnectionLost, NobodyThere, Refused
from .exchanges import Exchanges
from .greeting import CAPABILITIES, fault_of, greeted, own_name
from .requests import Requests
from .silence import Silence
from .wire.commands import ControlRequest, pack_command, pack_control, unpack_answer
from .wire.data import unpack_data
from .wire.layout import (
    CREDIT,
    VERSION,
    Action,
    Kind,
    ProtocolError,
    Wanted,
)
from .wire.small import (
    Lag,
    Pong,
    Subscription,
    pack_credit,
    pack_ping,
    pack_subscription,
    unpack_lag,
    unpack_pong,
)
from .wire.texts import Hello, State, Welcome, unpack_state

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from cl._stim.operations import Operation

    from .address import Address
    from .wire.commands import Answer
    from .wire.data import Data
    from .wire.envelope import Message

CONNECT_S: Final = 5.0
"""How long a server may take to let a client in."""
ANSWER_S: Final = 1.0
"""How long a program waits for the answer to a command."""
_OPERATION_S: Final = 0.0001
"""How much longer for each operation in it."""
_AGAIN_S: Final = 5.0
"""How long a link that was lost is tried again: as far as the server's history goes."""
_ATTEMPT_S: Final = 1.5
_PAUSE_S: Final = 0.05
_NOBODY_S: Final = 0.6
"""Where nobody listens any more for so long, the server has gone, and its history with it."""
_LEAVE_S: Final = 1.0
"""How long a server may take to say goodbye: what this session controlled is free then."""
_GIVE_BACK: Final = CREDIT // 8
"""Credit is given back in pieces of this size."""

_log = Log()


class Sink(Protocol):
    """Who is told what the device did, by the thread that follows it."""

    position: int
    """The frame before which everything is known."""

    def on_data(self, found: Sequence[Data | Lag]) -> None:
        """Take what came together."""
        ...

    def on_error(self, error: Exception) -> None:
        """Take note that the link has ended; the last call there is."""
        ...


class Link:
    """A session with a server. `start` has a thread follow it; commands may come from any thread."""

    def __init__(self, address: Address, token: str | None, context: ssl.SSLContext | None) -> None:
        """Connect. DeviceDisconnectedError where no device answers, or it is not for this client."""
        self.address = address
        self._token = token
        self._context = context
        self._hello = Hello((VERSION, VERSION), CAPABILITIES, secrets.token_hex(16), own_name(), None)
        self._requests = Requests()
        self.exchanges = Exchanges()
        self.pong: Pong | None = None
        """The last of the server's, which says when a frame was there on its clock."""
        self._sink: Sink | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._has_said_goodbye = False
        self._owed = 0
        """Bytes of credit that are still to be given back."""
        self.error: Exception | None = None
        """Why the link has ended, None while it has not."""
        self.controls = False
        """Whether the server says that this session has control."""
        self._connection: Connection | None = None
        try:
            self._connection, self.welcome = self._connect(CONNECT_S)
        except (ConnectionLost, Refused, ProtocolError) as error:
            raise DeviceDisconnectedError(f"no device at {address.uri}: {error}") from error
        self.state: State = self.welcome.state

    # -- connecting -----------------------------------------------------------------------

    def _connect(self, timeout: float) -> tuple[Connection, Welcome]:
        """Connect and greet; compare clocks. ConnectionLost, Refused or ProtocolError."""
        connection = Connection(self.address, self._token, self._context, timeout)
        try:
            welcome = greeted(connection, self._hello, timeout, self._take_pong)
        except BaseException:
            connection.leave()
            connection.close()
            raise
        return connection, welcome

    # -- following ------------------------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Begin to follow the device from the sink's position on."""
        assert self._connection is not None
        self._sink = sink
        try:
            self._subscribe(self._connection)
        except ConnectionLost:
            pass  # The thread finds out, and connects again.
        self._thread = threading.Thread(target=self._run, name="cl-net-reader", daemon=True)
        start_thread(self._thread)

    def _subscribe(self, connection: Connection) -> None:
        assert self._sink is not None
        self._owed = 0
        wanted = Wanted.FRAMES | Wanted.EVENTS
        subscription = Subscription(wanted, self._sink.position, CREDIT, 0)
        connection.send(Kind.SUBSCRIBE, pack_subscription(subscription), flags=wanted)

    def _run(self) -> None:
        """Follow the device until the link ends; tell the sink why, unless it was closed here."""
        error: Exception = DeviceDisconnectedError("the link was closed")
        try:
            while not self._stopping.is_set():
                assert self._connection is not None
                try:
                    self._follow(self._connection)
                except ConnectionLost as lost:
                    self._connect_again(str(lost))
        except (Refused, ProtocolError, DeviceDisconnectedError) as ended:
            error = DeviceDisconnectedError(f"the device at {self.address.uri}: {ended}")
            error.__cause__ = ended
            if isinstance(ended, ProtocolError) and self._connection is not None:
                self._connection.protest()
        except Exception as failed:
            error = failed
        if self._stopping.is_set():
            self._requests.fail(error)
            return
        self.error = error
        self._requests.fail(error)
        assert self._sink is not None
        self._sink.on_error(error)

    def _follow(self, connection: Connection) -> None:
        """Take what comes, until the connection is lost."""
        assert self._sink is not None
        heartbeat_ns = self.welcome.heartbeat_ms * 1_000_000
        silence = Silence(host_ns(), self.welcome.silence_ms * 1_000_000)
        next_ping = host_ns()
        while not self._stopping.is_set():
            now = host_ns()
            if now >= next_ping:
                connection.send(Kind.PING, pack_ping(now))
                next_ping = now + heartbeat_ns
            if connection.wait(min((next_ping - now) * 1e-9, 0.1)):
                messages = connection.receive()
                silence.heard(host_ns())
                self._take_all(connection, messages)
            elif silence.is_long(host_ns()):
                connection.hang_up()
                raise ConnectionLost(f"nothing has come from the server for {self.welcome.silence_ms} ms")

    def _take_all(self, connection: Connection, messages: list[Message]) -> None:
        found: list[Data | Lag] = []
        for message in messages:
            if message.kind is Kind.DATA:
                found.append(unpack_data(message.body, message.flags))
                self._owed += 8 + len(message.body)
            elif message.kind is Kind.LAG:
                found.append(unpack_lag(message.body, message.flags))
            elif message.kind is Kind.ANSWER:
                self._take_answer(unpack_answer(message.body))
            elif message.kind is Kind.PONG:
                self._take_pong(unpack_pong(message.body))
            elif message.kind is Kind.STATE:
                self._take_state(unpack_state(message.body))
            elif message.kind is Kind.FAULT:
                self._sunk(found)
                raise fault_of(message)
            else:
                raise ProtocolError(f"another {message.kind.name}")
        self._sunk(found)
        if self._owed >= _GIVE_BACK:
            connection.send(Kind.CREDIT, pack_credit(self._owed))
            self._owed = 0

    def _sunk(self, found: list[Data | Lag]) -> None:
        assert self._sink is not None
        at = self._sink.position
        for each in found:
            if isinstance(each, Lag) and not each.jumps:
                continue
            if each.start != at:
                raise ProtocolError(f"{type(each).__name__} from {each.start} on, where {at} comes next")
            at = each.stop
        if found:
            self._sink.on_data(found)

    def _take_answer(self, answer: Answer) -> None:
        self._requests.take(answer)

    def _take_pong(self, pong: Pong) -> None:
        self.exchanges.add(pong.sent_ns, pong.came_ns, pong.went_ns, host_ns())
        self.pong = pong

    def _take_state(self, state: State) -> None:
        before, self.state = self.state, state
        if self.controls and not state.yours:
            self.controls = False
            _log.warning("control of %s is lost: %s", self.address.uri, state.text or "the lease has ended")
        if state.status == "stopped" and before.status != "stopped":
            _log.warning(
                "the device at %s has stopped: its time stands still, and so do all who wait for it",
                self.address.uri,
            )

    # -- coming back ----------------------------------------------------------------------

    def _connect_again(self, why: str) -> None:
        """Connect anew, and go on where it was; DeviceDisconnectedError where that cannot be done."""
        if self._stopping.is_set():
            return
        lost_ns = host_ns()
        _log.warning("the link to %s is lost (%s): trying again for %g s", self.address.uri, why, _AGAIN_S)
        self._drop_connection()
        connection, welcome = self._try(lost_ns, why)
        if welcome.server != self.welcome.server:
            connection.leave()
            connection.close()
            raise Refused("the link was lost, and another server is there now, which has another timeline")
        self._resume(connection, welcome)
        _log.warning("the link to %s is back after %.2f s", self.address.uri, (host_ns() - lost_ns) * 1e-9)

    def _try(self, lost_ns: int, why: str) -> tuple[Connection, Welcome]:
        self._hello = self._hello._replace(server=self.welcome.server)
        nobody_since: int | None = None
        while True:
            try:
                return self._connect(_ATTEMPT_S)
            except ConnectionLost as error:
                now, why = host_ns(), str(error)
                if not isinstance(error, NobodyThere):
                    nobody_since = None
                elif nobody_since is None:
                    nobody_since = now
                elif now - nobody_since > _NOBODY_S * 1e9:
                    raise DeviceDisconnectedError("the link was lost, and the server is gone") from error
            if now - lost_ns > _AGAIN_S * 1e9:
                raise DeviceDisconnectedError(f"the link was lost for {_AGAIN_S:g} s ({why})")
            if self._stopping.wait(_PAUSE_S):
                raise DeviceDisconnectedError("the link was closed")

    def _resume(self, connection: Connection, welcome: Welcome) -> None:
        def publish() -> None:
            self._connection, self.welcome = connection, welcome

        self._take_state(welcome.state)
        self._requests.resume(publish, self._send, welcome.resumed)
        self._subscribe(connection)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.hang_up()
            connection.close()

    # -- commands -------------------------------------------------------------------------

    def submit(self, operations: Sequence[Operation], as_of: int, at: int | None) -> Answer:
        """Have the device take operations as of a frame; return its answer, or raise what it says."""
        try:
            return self._ask(
                Kind.COMMAND,
                lambda id: pack_command(id, operations, as_of, at),
                ANSWER_S + _OPERATION_S * len(operations),
            )
        except ControlRequiredError:
            self.controls = False
            raise

    def take_control(self) -> None:
        """Become the controller; ControlRequestError where another is."""
        self._control(Action.TAKE)
        self.controls = True

    def release_control(self) -> None:
        """Let others have control."""
        self.controls = False
        self._control(Action.RELEASE)

    def _control(self, action: Action) -> None:
        self._ask(Kind.CONTROL, lambda id: pack_control(ControlRequest(id, action)), CONNECT_S)

    def _ask(self, kind: Kind, body: Callable[[int], bytes], timeout: float) -> Answer:
        self._check()
        return self._requests.ask(kind, body, self._send, timeout)

    def _send(self, kind: Kind, body: bytes) -> None:
        """Send a command, where there is a connection; else it is sent when there is one again."""
        connection = self._connection
        if connection is None:
            self._check()
            return
        try:
            connection.send(kind, body)
        except ConnectionLost:
            pass  # The reader finds out, too, and has it sent again.

    def _check(self) -> None:
        if self.error is not None:
            raise DeviceDisconnectedError(str(self.error)) from self.error

    # -- the end --------------------------------------------------------------------------

    def disown(self) -> None:
        """Have no part in the connection any more: it is that of the process that this one is a fork of."""
        self._stopping = threading.Event()
        self._stopping.set()
        self.error = DeviceDisconnectedError("this link belongs to another process")
        self._requests.begin_anew()
        if self._connection is not None:
            self._connection.let_go()

    def close(self) -> None:
        """Say goodbye, and let go of everything; the thread has ended when this returns. Again: nothing."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread.ident is not None and thread is not threading.current_thread():
            thread.join()
        if self._connection is not None and self._say_goodbye(self._connection):
            self._has_said_goodbye = True
        self._drop_connection()
        if self.controls and self.error is None and not self._has_said_goodbye:
            # The connection was lost, or an interruption has ended it: control would be held by the lease.
            self._say_goodbye_anew()
        self._has_said_goodbye = True
        if self.error is None:
            self.error = DeviceDisconnectedError("the link was closed")

    def _say_goodbye(self, connection: Connection) -> bool:
        try:
            connection.send(Kind.BYE)
        except ConnectionLost:
            return False
        connection.leave(wait_s=_LEAVE_S)
        return True

    def _say_goodbye_anew(self) -> None:
        try:
            connection, _ = self._connect(_ATTEMPT_S)
        except (ConnectionLost, Refused, ProtocolError):
            return
        try:
            self._say_goodbye(connection)
        finally:
            connection.close()
