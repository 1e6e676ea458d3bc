"""Live sources: data that come by themselves, from a thread, a task, a process or a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from .data_source import SimulatorDataSource, SimulatorDataSourceMetadata, flag, timeout, whole

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .live_sink import LiveDataSink


class LiveSimulatorDataSource(SimulatorDataSource):
    """A source that pushes its data into a sink.

    `start` is where it begins; the data may come from any number of threads. The other methods are called
    in one thread of the device's. `metadata` are what the simulator has to know of it, whole or field by
    field in a mapping; by default it is an endless source from 0 on. `max_buffer_frames` is how far the
    source can be ahead of the device, `read_timeout_seconds` how long the device waits for its data and its
    methods (None: for ever).
    `supports_accelerated` holds whatever the metadata say: a source that supports accelerated time emits
    its frames as fast as the sink takes them.
    """

    # A subclass that does not call `__init__` has the defaults.
    max_buffer_frames: int = 25_000
    read_timeout_seconds: float | None = 30.0
    supports_accelerated: bool = False
    _metadata_given: SimulatorDataSourceMetadata | None = None
    _device_sink: LiveDataSink | None = None
    """Where it emits to, once a device has been made of it."""

    def __init__(
        self,
        metadata: SimulatorDataSourceMetadata | Mapping[str, Any] | None = None,
        *,
        max_buffer_frames: int = 25_000,
        read_timeout_seconds: float | None = 30.0,
        supports_accelerated: bool = False,
    ) -> None:
        """Set the metadata and the limits. Wrong types raise TypeError, wrong values ValueError."""
        self._metadata_given = _made(metadata)
        self.max_buffer_frames = whole("max_buffer_frames", max_buffer_frames, 1)
        self.read_timeout_seconds = None if read_timeout_seconds is None else timeout(read_timeout_seconds)
        self.supports_accelerated = flag("supports_accelerated", supports_accelerated)

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        """Return what the simulator has to know of this source: what it was made with."""
        return self._metadata_given or SimulatorDataSourceMetadata(seekable=False)

    @property
    def current_read_timestamp(self) -> int:
        """Return the timestamp of the next frame that the device takes."""
        sink = self._device_sink
        return self.metadata.start_timestamp if sink is None else sink.read_timestamp

    @property
    def next_write_timestamp(self) -> int:
        """Return the timestamp of the next frame to be emitted."""
        sink = self._device_sink
        return self.metadata.start_timestamp if sink is None else sink.next_timestamp

    @abstractmethod
    def start(self, sink: LiveDataSink) -> Awaitable[None] | None:
        """Begin to emit data into the sink.

        A plain function is called in a thread of its own: it may start threads and return, or emit
        until the sink is closed. An async function runs on an event loop (asyncio) of its own until
        the device closes, when it is cancelled; returning earlier ends the source.
        """

    def stop(self) -> None:
        """Stop emitting; called once. It may wait for the source's threads.

        Emissions return at once when it is called, and raise SinkClosedError from 0.25 s later on, or once
        it has returned: a thread may look for a flag that this sets, or emit until the sink is closed.
        """

    def read(self, from_timestamp: int, frame_count: int) -> NoReturn:
        """Raise TypeError: a live source is not asked."""
        raise TypeError("a live source is not read, it emits into its sink")


def _made(metadata: Any) -> SimulatorDataSourceMetadata | None:
    if metadata is None or isinstance(metadata, SimulatorDataSourceMetadata):
        return metadata
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is {metadata!r}, it must be SimulatorDataSourceMetadata or a mapping")
    return SimulatorDataSourceMetadata(**{"seekable": False, **metadata})
