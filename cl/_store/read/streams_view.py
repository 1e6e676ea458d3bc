"""The data streams of a recording."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from cl._store.packing import unpack
from cl._values.numbers import real, whole

from .attributes_view import AttributesView
from .errors import damaged
from .reader import check_held, kept

if TYPE_CHECKING:
    import pandas
    from numpy.typing import NDArray

_BYTES_AT_ONCE: Final = 1 << 20


class StreamAttributes(AttributesView):
    """`name` and `application` of a stream; what the application set is also found directly."""

    def __getitem__(self, name: str) -> Any:
        try:
            return super().__getitem__(name)
        except KeyError:
            application = super().__getitem__("application") if name != "application" else {}
            if isinstance(application, dict) and name in application:
                return application[name]
            raise


class DataStreamView(Mapping[int, Any]):
    """The entries of one data stream by timestamp, which are frames since the recording's start.

    A mapping in the order of the timestamps; `stream[a:b]` are the values of the entries
    with a ≤ timestamp < b. Entries are read when they are asked for.
    """

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self._where = f"{group.file.filename}: {group.name}"
        self._columns: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None = None
        self.attributes = StreamAttributes(group)

    @property
    def name(self) -> str:
        """The name the stream was created with."""
        return str(self._group.name.rsplit("/", 1)[-1])

    def _part(self, name: str) -> h5py.Dataset:
        if not self._group:
            raise ValueError("the recording is closed")
        with damaged(f"{self._where}/{name}"):
            part = self._group.get(name)
        if not isinstance(part, h5py.Dataset) or part.ndim != 1:
            raise ValueError(f"{self._where} has no {name}")
        check_held(part)
        return part

    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return timestamps, and where in the data entries begin and end."""
        if self._columns is None:
            index = self._part("index")
            where = f"{index.file.filename}: {index.name}"
            if not {"timestamp", "start_index", "end_index"} <= {*(index.dtype.names or ())}:
                raise ValueError(f"{where} should be a table of timestamp, start_index and end_index")
            with damaged(where):
                rows = index[:]
            names = ("timestamp", "start_index", "end_index")
            timestamps, starts, ends = (rows[name].astype(np.int64) for name in names)
            size = self._part("data").shape[0]
            if len(rows) and (starts.min() < 0 or (ends < starts).any() or ends.max() > size):
                raise ValueError(f"{where} points beyond the {size} bytes of data")
            self._columns = timestamps, starts, ends
        return self._columns

    def _bytes(self, start: int, stop: int) -> memoryview:
        data = self._part("data")
        with damaged(f"{data.file.filename}: {data.name}"):
            return memoryview(data[start:stop].tobytes())

    def _values(self, first: int, stop: int) -> Iterator[Any]:
        """Yield the values of entries by number, reading many at once."""
        _, starts, ends = self._index()
        while first < stop:
            last = first + 1
            while (
                last < stop and starts[last] == ends[last - 1] and ends[last] - starts[first] < _BYTES_AT_ONCE
            ):
                last += 1
            base = int(starts[first])
            data = self._bytes(base, int(ends[last - 1]))
            for i in range(first, last):
                yield unpack(data[starts[i] - base : ends[i] - base])
            first = last

    def _range(self, start: int | None, stop: int | None) -> tuple[int, int]:
        timestamps = self._index()[0]
        first = 0 if start is None else int(np.searchsorted(timestamps, _bound(start)))
        last = len(timestamps) if stop is None else int(np.searchsorted(timestamps, _bound(stop)))
        return first, max(first, last)

    def __len__(self) -> int:
        return int(self._part("index").shape[0])

    def __iter__(self) -> Iterator[int]:
        return iter(self._index()[0].tolist())

    def __getitem__(self, timestamp: Any) -> Any:
        if isinstance(timestamp, slice):
            if timestamp.step is not None:
                raise ValueError("a range of timestamps has no step")
            return self.values_for_range(timestamp.start, timestamp.stop)
        at = _timestamp(timestamp)
        if at is None:
            raise KeyError(timestamp)
        first, last = self._range(at, at + 1)
        if first == last or self._index()[0][first] != at:
            raise KeyError(timestamp)
        return next(self._values(first, first + 1))

    def __contains__(self, timestamp: object) -> bool:
        at = _timestamp(timestamp)
        return at is not None and bool(self.keys_for_range(at, at + 1))

    def ends(self) -> tuple[int | None, int | None]:
        """Return the first and the last timestamp, read alone; None where there is none."""
        index = self._part("index")
        if not len(index) or self._columns is not None:
            keys = self._index()[0]
            return (int(keys[0]), int(keys[-1])) if len(keys) else (None, None)
        with damaged(self._where):
            return int(index[0]["timestamp"]), int(index[-1]["timestamp"])

    def keys_for_range(
        self, start_timestamp: int | None = None, end_timestamp: int | None = None
    ) -> list[int]:
        """Return the timestamps in [start_timestamp, end_timestamp)."""
        first, last = self._range(start_timestamp, end_timestamp)
        keys: list[int] = self._index()[0][first:last].tolist()
        return keys

    def values_for_range(
        self, start_timestamp: int | None = None, end_timestamp: int | None = None
    ) -> list[Any]:
        """Return the values of the entries in [start_timestamp, end_timestamp)."""
        return list(self._values(*self._range(start_timestamp, end_timestamp)))

    def items_for_range(
        self, start_timestamp: int | None = None, end_timestamp: int | None = None
    ) -> list[tuple[int, Any]]:
        """Return timestamps and values of the entries in [start_timestamp, end_timestamp)."""
        window = start_timestamp, end_timestamp
        return list(zip(self.keys_for_range(*window), self.values_for_range(*window), strict=True))

    def values(self) -> ValuesView[Any]:
        """Return the values, read as they are iterated over."""
        return _Values(self)

    def items(self) -> ItemsView[int, Any]:
        """Return timestamps and values, read as they are iterated over."""
        return _Items(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the entries as a pandas data frame by timestamp; needs the extra `cl-aio[pandas]`.

        Where every entry is a dictionary with texts as keys, each key is a column (NaN where an entry has
        it not); else there is one column, `value`.
        """
        from . import data_frames

        return data_frames.of_stream(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"DataStreamView({self.name!r}, {len(self)} entries)"

    def _repr_html_(self) -> str:
        from .faces import of_stream

        return of_stream(self)


def _timestamp(value: object) -> int | None:
    """Return a timestamp to look for, None for what can be none."""
    try:
        return whole(value, "a timestamp")
    except TypeError:
        return None


def _bound(value: Any) -> float:
    """Return the end of a range as numpy can compare it."""
    number = _timestamp(value)
    return real(value, "a timestamp") if number is None else number


class _Values(ValuesView[Any]):
    _mapping: DataStreamView

    def __iter__(self) -> Iterator[Any]:
        return self._mapping._values(0, len(self._mapping))


class _Items(ItemsView[int, Any]):
    _mapping: DataStreamView

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return zip(self._mapping, self._mapping._values(0, len(self._mapping)), strict=True)


class DataStreamsView(Mapping[str, DataStreamView]):
    """The data streams of a recording: a mapping by name, also by attribute name."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        names = (name for name in group if not name.startswith("_i_"))
        self._streams: dict[str, DataStreamView | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> DataStreamView:
        if name not in self._streams:
            raise KeyError(f"there is no data stream {name!r}, there are {list(self._streams)}")
        found = self._streams[name]
        if found is None:
            if not self._group:
                raise ValueError("the recording is closed")
            where = f"{self._group.file.filename}: {self._group.name}, {name!r}"
            with damaged(where):
                group = self._group[name]
                if not isinstance(group, h5py.Group):
                    raise ValueError(f"{where} should be a group, it is a {type(group).__name__}")
                file = getattr(self._group, "kept_file", None)
                found = self._streams[name] = DataStreamView(kept(file, group))
        return found

    def __getattr__(self, name: str) -> DataStreamView:
        if name.startswith("__") or name not in self._streams:
            raise AttributeError(f"there is no data stream {name!r}, there are {list(self._streams)}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._streams]

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._streams.keys()

    def __repr__(self) -> str:
        return f"DataStreamsView({', '.join(map(repr, self._streams))})"

    def _repr_html_(self) -> str:
        from .faces import of_streams

        return of_streams(self)
