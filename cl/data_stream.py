"""Data streams: what a program publishes beside the device's own data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ._core.entries import StreamEntry as StreamEntry
from ._recording.user_attributes import UserAttributes
from ._store.packing import pack
from ._store.stream_names import check_stream_name
from ._values.no_op import no_op
from ._values.numbers import whole

if TYPE_CHECKING:
    from ._core.engine import Engine

_LATEST: Final = 2**63 - 1
"""The latest timestamp that a recording can hold."""


class DataStream:
    """A named stream of timestamped values, for recordings and for the live page; a context manager.

    Made by `Neurons.create_data_stream`. It goes into the recordings that run and into later ones, until it
    is closed, or the device is.
    """

    def __init__(
        self,
        engine: Engine,
        present: Callable[[], int],
        name: str,
        attributes: Mapping[str, Any] | None = None,
        release: Callable[[DataStream], None] = no_op,
    ) -> None:
        check_stream_name(name)
        self.name = name
        self._engine = engine
        self._present = present
        self._release = release
        self._application = UserAttributes(attributes)
        self._last: int | None = None
        self._is_closed = False

    @property
    def attributes(self) -> dict[str, Any]:
        """The stream's attributes as they stand."""
        return self._application.current()

    def append(self, timestamp: int, data: Any) -> None:
        """Add an entry: anything msgpack can hold, and numpy arrays and scalars.

        Timestamps are frame numbers and strictly ascend: `RuntimeError` otherwise, and when the stream is
        closed. `TypeError` or `ValueError` for data that cannot be stored. The data is taken as it is now. A
        recording has the entries that were appended while it ran, and earlier ones whose timestamps are in
        its window.
        """
        at = whole(timestamp, "timestamp", 0)
        if at > _LATEST:
            raise ValueError(f"timestamp must be at most {_LATEST}, not {at}")
        entry = StreamEntry(self.name, at, data, pack(data))
        engine = self._engine
        # A source may append in the midst of a read, but nobody in the midst of a change.
        engine.lock.refuse_reentry()
        with engine.lock:
            self._check_open()
            if self._last is not None and at <= self._last:
                raise RuntimeError(
                    f"data stream {self.name!r}: timestamp {at} does not come after the last, {self._last}"
                )
            if engine.failure is not None or engine.closed:
                engine.check()
            log = engine.history.entries
            now = self._present()
            # Before it is there: an interruption in between must not let a timestamp be used twice.
            self._last = at
            log.append(max(now, log.times[-1]) if log.times else now, entry)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute; recordings have the attributes as they stand at their end."""
        self.update_attributes({key: value})

    def update_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set some attributes; `TypeError` or `ValueError`, and no change, for what no file can hold.

        `RuntimeError` when the stream is closed.
        """
        self._check_open()
        self._application.update(attributes)

    def close(self) -> None:
        """End the stream, and free its name. Again: nothing.

        Recordings keep its entries, and its attributes as they stand. A new stream of the name goes on in
        recordings that run: its timestamps come after those of this one.
        """
        self._engine.lock.refuse_reentry()
        with self._engine.lock:
            self._is_closed = True
        self._release(self)

    def _check_open(self) -> None:
        if self._engine.inherited:
            self._engine.check()
        if self._is_closed:
            raise RuntimeError(f"data stream {self.name!r} was closed")

    def _follow(self, earlier: DataStream) -> None:
        """Go on where an earlier stream of the same name has ended."""
        with self._engine.lock:
            if earlier._last is not None and (self._last is None or self._last < earlier._last):
                self._last = earlier._last

    def __enter__(self) -> DataStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DataStream({self.name!r})"

    def _repr_html_(self) -> str:
        from ._values.html import face, number

        last = "none yet" if self._last is None else f"timestamp {number(self._last)}"
        attributes = {name: repr(value) for name, value in self.attributes.items()}
        return face(
            "DataStream", self.name, {"last entry": "closed" if self._is_closed else last, **attributes}
        )
