"""A link made worse on purpose: a proxy that delays, is narrow, and cuts."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class BadLink:
    """A proxy in front of a server, as long as the `with` block; `address` leads through it.

    Bytes take `delay_s` and up to `jitter_s` more in each direction, in order, and no more than
    `bytes_per_s` of them go through.
    """

    def __init__(
        self, address: str, delay_s: float = 0.0, jitter_s: float = 0.0, bytes_per_s: float = 1e9
    ) -> None:
        port = urlsplit(address).port
        assert port is not None
        self._port = port
        self._delay_s, self._jitter_s, self._bytes_per_s = delay_s, jitter_s, bytes_per_s
        self._dice = random.Random(16)
        # Small ones where they take their time: what lies in the proxy is not narrow.
        self._piece = 65_536 if bytes_per_s >= 1e9 else 4096
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self.connections = 0
        self.address = ""

    def __enter__(self) -> BadLink:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="bad-link")
        self._thread.start()
        assert ready.wait(10)
        return self

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await self._over.wait()
        server.close()
        self._break()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._forward(reader, back), self._forward(there, writer))
        finally:
            self._writers -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        sending = asyncio.ensure_future(self._send(waiting, writer))
        free_at = due = 0.0
        with suppress(ConnectionError):
            while data := await reader.read(self._piece):
                now = self._loop.time()
                # The line is busy for as long as its width says; then the bytes are on their way.
                free_at = max(free_at, now) + len(data) / self._bytes_per_s
                due = max(due, free_at + self._delay_s + self._dice.random() * self._jitter_s)
                waiting.put_nowait((due, data))
                if free_at - now > 0.005:
                    await asyncio.sleep(free_at - now)
        waiting.put_nowait(None)
        await sending

    async def _send(
        self, waiting: asyncio.Queue[tuple[float, bytes] | None], writer: asyncio.StreamWriter
    ) -> None:
        """Send what is due, to the end of it, which goes through as well."""
        with suppress(ConnectionError):
            while (entry := await waiting.get()) is not None:
                due, data = entry
                if writer.transport.is_closing():
                    return
                await asyncio.sleep(due - self._loop.time())
                writer.write(data)
                await writer.drain()
            writer.close()

    def cut(self, seconds: float | None = None) -> None:
        """Break all connections, and have nobody get through for so long, or until `mend`."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._cut, seconds)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(10)

    def _cut(self, seconds: float | None) -> None:
        self._is_cut = True
        self._break()
        if seconds is not None:
            self._loop.call_later(seconds, self._mend)

    def _break(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Let everybody through again."""
        self._loop.call_soon_threadsafe(self._mend)

    def _mend(self) -> None:
        self._is_cut = False

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
