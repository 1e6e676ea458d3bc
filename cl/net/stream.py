"""Bytes over TCP, plain or in TLS, that one thread receives while others send."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Final, Protocol

from cl._values.descriptors import hang_up, let_go

if TYPE_CHECKING:
    import ssl

RECEIVED: Final = 1 << 18
"""Bytes that are taken at once."""


class Stream(Protocol):
    """A connection of bytes. `receive` is for one thread at a time, and so is `send`."""

    def fileno(self) -> int:
        """Return the descriptor to wait on for something to receive."""
        ...

    def receive(self) -> bytes | None:
        """Return what has come, b"" where that is nothing whole yet, None at the end."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of it; TimeoutError where the far side does not take it."""
        ...

    def hang_up(self) -> None:
        """End the connection; who waits to receive is told. From any thread."""
        ...

    def let_go(self) -> None:
        """Have no part in the connection any more: this is a fork."""
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


class TcpStream:
    """Bytes over TCP."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        """Connect; OSError where nobody answers. `timeout` is in seconds, for this and for each send."""
        self._sock = socket.create_connection((host, port), timeout)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._sock.fileno()

    def receive(self) -> bytes | None:
        return self._sock.recv(RECEIVED) or None

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def hang_up(self) -> None:
        hang_up(self._sock)

    def let_go(self) -> None:
        let_go(self._sock.fileno())

    def close(self) -> None:
        self._sock.close()


class TlsStream:
    """Bytes over TLS. The TLS itself is done in memory, under a lock: OpenSSL has one thread at it."""

    def __init__(self, below: TcpStream, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; OSError (ssl.SSLError) where the far side is not who it should be."""
        import ssl

        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._lock = threading.Lock()
        self._wants_more: Final = ssl.SSLWantReadError
        self._ended: Final = ssl.SSLZeroReturnError, ssl.SSLEOFError
        self._shake_hands()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                return
            except self._wants_more:
                self._flush()
                data = self._below.receive()
                if data is None:
                    raise ConnectionResetError("the connection was closed during the TLS handshake") from None
                self._incoming.write(data)
            finally:
                self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._below.send(data)

    def fileno(self) -> int:
        return self._below.fileno()

    def receive(self) -> bytes | None:
        data = self._below.receive()
        if data is None:
            return None
        parts = []
        with self._lock:
            self._incoming.write(data)
            try:
                while part := self._tls.read(RECEIVED):
                    parts.append(part)
            except self._wants_more:
                pass
            except self._ended:
                return b"".join(parts) or None
            self._flush()
        return b"".join(parts)

    def send(self, data: bytes) -> None:
        with self._lock:
            self._tls.write(data)
            self._flush()

    def hang_up(self) -> None:
        self._below.hang_up()

    def let_go(self) -> None:
        self._below.let_go()

    def close(self) -> None:
        self._below.close()
