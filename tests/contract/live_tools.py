"""Live sources for the tests of `cl.sim` through the public API."""

from __future__ import annotations

import threading
from typing import Any

from source_tools import numbered

from cl.sim import DataSourceBatch, DataSourceSpike, LiveDataSink, LiveSimulatorDataSource, SinkClosedError


class Blocks(LiveSimulatorDataSource):
    """Emits numbered frames, 40 at a time, with a spike in each block, up to an end."""

    def __init__(self, end: int = 1 << 40, **limits: Any) -> None:
        super().__init__(**{"max_buffer_frames": 300, "supports_accelerated": True, **limits})
        self.end = end
        self.calls: list[str] = []
        self.refused: BaseException | None = None

    def open(self) -> None:
        self.calls.append("open")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def block(self, sink: LiveDataSink) -> DataSourceBatch:
        start = sink.next_timestamp
        return DataSourceBatch(
            numbered(start, min(40, self.end - start)), [DataSourceSpike(start + 7, start // 40 % 60)]
        )

    def emit_all(self, sink: LiveDataSink) -> None:
        try:
            while sink.next_timestamp < self.end:
                sink.emit_batch(self.block(sink))
        except SinkClosedError as error:
            self.refused = error
            return
        sink.close()


class InStart(Blocks):
    """Emits in `start` itself."""

    def start(self, sink: LiveDataSink) -> None:
        self.emit_all(sink)


class OwnThread(Blocks):
    """Emits from a thread of its own."""

    def start(self, sink: LiveDataSink) -> None:
        self.thread = threading.Thread(target=self.emit_all, args=(sink,))
        self.thread.start()

    def close(self) -> None:
        # Its emissions have been refused by now.
        super().close()
        self.thread.join()


class Task(Blocks):
    """Emits from an asyncio task."""

    async def start(self, sink: LiveDataSink) -> None:
        while sink.next_timestamp < self.end:
            await sink.aemit_batch(self.block(sink))


KINDS: list[type[Blocks]] = [InStart, OwnThread, Task]


class Silent(Blocks):
    """Emits what it is told to."""

    sink: LiveDataSink

    def start(self, sink: LiveDataSink) -> None:
        self.sink = sink
