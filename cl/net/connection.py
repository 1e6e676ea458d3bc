"""One WebSocket connection to a server: messages out from any thread, messages in for one."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_ns
from cl._core.reentry_lock import ReentryLock

from .stream import Stream, TcpStream, TlsStream
from .wire.envelope import Incoming, Message, Outgoing
from .wire.layout import MESSAGE_LIMIT, SUBPROTOCOL, Kind, ProtocolError

if TYPE_CHECKING:
    import ssl

    from .address import Address

_PROTOCOL_CODE: Final = 1002


class ConnectionLost(Exception):
    """The connection has ended, or could not be made; another one may do better."""


class NobodyThere(ConnectionLost):
    """Nobody listens at the address."""


class Refused(Exception):
    """The server, or what is in its place, does not want this client; another attempt would be no better."""


class Connection:
    """A connection over which the protocol is spoken."""

    def __init__(
        self, address: Address, token: str | None, context: ssl.SSLContext | None, timeout: float
    ) -> None:
        """Connect and upgrade to a WebSocket, each within `timeout` seconds.

        Raises ConnectionLost (NobodyThere), or Refused that says why.
        """
        self._address = address
        self._outgoing, self._incoming = Outgoing(), Incoming(from_client=False)
        self._lock = ReentryLock()
        self._parts: list[bytes] = []
        """What has come of a message in several frames."""
        self._stream = self._connected(context, timeout)
        try:
            self._upgrade(token, timeout)
        except BaseException:
            self._stream.close()
            raise

    def _connected(self, context: ssl.SSLContext | None, timeout: float) -> Stream:
        import ssl

        address = self._address
        try:
            below = TcpStream(address.host, address.port, timeout)
        except ConnectionRefusedError as error:
            raise NobodyThere("nobody listens there") from error
        except OSError as error:
            raise ConnectionLost(error.strerror or str(error)) from error
        if context is None:
            return below
        try:
            return TlsStream(below, context, address.host)
        except ssl.SSLCertVerificationError as error:
            below.close()
            raise Refused(
                f"its certificate is not trusted ({error.verify_message}); CL_DEVICE_CA may name the file of "
                "one that is"
            ) from error
        except ssl.SSLError as error:
            below.close()
            raise Refused(f"it does not speak TLS as this client does ({error.reason})") from error
        except OSError as error:
            below.close()
            raise ConnectionLost(error.strerror or str(error)) from error
        except BaseException:
            below.close()
            raise

    def _upgrade(self, token: str | None, timeout: float) -> None:
        from websockets.client import ClientProtocol
        from websockets.frames import Opcode
        from websockets.http11 import Response
        from websockets.typing import Subprotocol
        from websockets.uri import parse_uri

        protocol = self._protocol = ClientProtocol(
            parse_uri(self._address.uri), subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=MESSAGE_LIMIT
        )
        self._data_opcodes = Opcode.BINARY, Opcode.CONT
        self._text, self._close_opcode = Opcode.TEXT, Opcode.CLOSE
        request = protocol.connect()
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        protocol.send_request(request)
        self._early: list[Message] = []
        deadline = host_ns() + int(timeout * 1e9)
        try:
            self._flush()
            events = self._take()
            while not events:
                left = (deadline - host_ns()) * 1e-9
                if left <= 0 or not self.wait(left):
                    raise ConnectionLost(f"no answer within {timeout:g} s")
                goes_on, events = self._feed(), self._take()
                if not goes_on and not events:
                    raise ConnectionLost("the connection was cut")
        except OSError as error:
            raise ConnectionLost(error.strerror or str(error)) from error
        response = events[0]
        if protocol.handshake_exc is not None or not isinstance(response, Response):
            raise self._refusal(response, protocol.handshake_exc)
        if protocol.subprotocol != SUBPROTOCOL:
            raise Refused(f"it does not speak {SUBPROTOCOL}")
        self._early = self._messages(events[1:])

    def _refusal(self, response: object, error: Exception | None) -> Exception:
        status = getattr(response, "status_code", None)
        if status is None:
            return Refused(f"it does not speak WebSocket ({error})")
        if status == 401:
            return Refused("it wants a token that is good: CL_DEVICE_TOKEN, or CL_DEVICE_TOKEN_FILE")
        if status == 503:
            return ConnectionLost("it is busy (503)")
        return Refused(f"it answers {status} where a device was expected")

    # -- sending --------------------------------------------------------------------------

    def send(self, kind: Kind, *parts: bytes, flags: int = 0) -> None:
        """Send a message. ConnectionLost where that cannot be done; an interruption ends the connection."""
        self._lock.refuse_reentry()
        with self._lock:
            try:
                self._protocol.send_binary(self._outgoing.message(kind, *parts, flags=flags))
                self._flush()
            except OSError as error:
                self.hang_up()
                raise ConnectionLost(error.strerror or str(error)) from error
            except BaseException as error:
                # Half a message may have been sent: nothing can follow it.
                self.hang_up()
                if isinstance(error, Exception):
                    raise ConnectionLost(str(error)) from error
                raise

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._stream.send(data)

    # -- receiving ------------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Return whether something has come within so many seconds."""
        fd = self._stream.fileno()
        if fd < 0:
            return True
        if not hasattr(select, "poll"):
            return bool(select.select([fd], [], [], max(0.0, seconds))[0])
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        return bool(poller.poll(max(0.0, seconds) * 1000))

    def receive(self) -> list[Message]:
        """Return the messages that have come, waiting for at least some bytes.

        Raises ConnectionLost at the end of the connection, ProtocolError for what is malformed.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        try:
            ended = not self._feed()
        except OSError as error:
            raise ConnectionLost(error.strerror or str(error)) from error
        messages = self._messages(self._take())
        if not messages and ended:
            raise ConnectionLost(self._ending())
        return messages

    def _feed(self) -> bool:
        """Take what has come; return whether there may be more."""
        data = self._stream.receive()
        with self._lock:
            protocol = self._protocol
            if data is None:
                protocol.receive_eof()
            elif data:
                protocol.receive_data(data)
            broken = protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError)
            if broken and not protocol.close_expected():
                raise ProtocolError(f"what is no WebSocket: {protocol.parser_exc}")
            try:
                self._flush()
            except OSError:
                pass  # What is to be read may say why.
        return data is not None and protocol.close_rcvd is None

    def _take(self) -> list[object]:
        with self._lock:
            return list(self._protocol.events_received())

    def _messages(self, events: list[object]) -> list[Message]:
        messages = []
        for event in events:
            opcode = getattr(event, "opcode", None)
            if opcode == self._text:
                raise ProtocolError("a message of text")
            if opcode not in self._data_opcodes:
                continue
            self._parts.append(event.data)  # type: ignore[attr-defined]
            if event.fin:  # type: ignore[attr-defined]
                whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts = []
                messages.append(self._incoming.take(whole))
        return messages

    def _ending(self) -> str:
        closed = self._protocol.close_rcvd
        if closed is None:
            return "the connection was cut"
        return f"the server closed the connection ({closed.code} {closed.reason})".replace(" )", ")")

    # -- the end --------------------------------------------------------------------------

    def leave(self, code: int = 1000, wait_s: float = 0.0) -> None:
        """Close the WebSocket, and hang up once the server has closed it, or after so many seconds."""
        try:
            if not self._lock.held_here():
                with self._lock:
                    self._protocol.send_close(code)
                    self._flush()
                deadline = host_ns() + int(wait_s * 1e9)
                # What comes is no news any more; what is left unread could take the farewell with it.
                while (left := (deadline - host_ns()) * 1e-9) > 0 and self.wait(left):
                    if self._stream.receive() is None:
                        break
        except Exception:
            pass  # It is gone already.
        self.hang_up()

    def protest(self) -> None:
        """Leave since the server does not keep to the protocol."""
        self.leave(_PROTOCOL_CODE)

    def hang_up(self) -> None:
        """End the connection, whatever is under way. From any thread."""
        self._stream.hang_up()

    def let_go(self) -> None:
        """Have no part in it any more: this is a fork."""
        self._stream.let_go()

    def close(self) -> None:
        """Give the descriptor back, once nobody uses it."""
        self._stream.close()
