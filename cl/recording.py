"""Recordings: a window of device time, written to HDF5 while it happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ._core.clock import utc_stamp
from ._core.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from ._core.schedule import READ
from ._rates import seconds_to_frames, whole
from ._recorder import Recorder
from ._wait import sync
from .error import RecordingFailedError
from .events import SAMPLES_FROM

if TYPE_CHECKING:
    from ._core.engine import Engine
    from ._store.view import RecordingView
    from ._store.writer import RecordingWriter
    from .data_stream import DataStream

_DEVICE_FOLDER: Final = Path("/data/recordings")


class Recording:
    """A recording that runs or has run. Made by `Neurons.record`.

    `attributes` are the application's; `file` has `name`, `path` and `uri_path`; `start_timestamp` is the
    first frame recorded; `status` is "started" or "stopped". After a disk error the recording has ended, what
    was written stays readable, and every further call raises `RecordingFailedError`.
    """

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        path: Path,
        start: int,
        attributes: dict[str, Any],
        present: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._path = path
        self._attributes = attributes
        self._present = present
        self.start_timestamp = start
        self.file: dict[str, str] = {
            "name": path.name,
            "path": str(path),
            "uri_path": path.as_uri().removeprefix("file://"),
        }

    @property
    def attributes(self) -> dict[str, Any]:
        """The application's attributes as they stand."""
        return dict(self._attributes)

    @property
    def status(self) -> str:
        """ "started" or "stopped"."""
        return "stopped" if self.has_stopped() else "started"

    def has_stopped(self) -> bool:
        """Return whether the recording has ended and its file is closed."""
        return self._recorder.done.is_set()

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one of the application's attributes; the file has them as they stand at the end."""
        self.update_attributes({key: value})

    def update_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set some of the application's attributes; `RuntimeError` once the recording has stopped."""
        from ._store.attributes import plain_dict

        changed = plain_dict(attributes)
        self._check()
        if self.has_stopped():
            raise RuntimeError(f"{self._path.name} has stopped: its attributes cannot be changed any more")
        self._attributes.update(changed)

    def stop(self) -> None:
        """End the recording now, and close its file. Stopping again does nothing."""
        self._check()
        if self.has_stopped():
            return
        end = self._present()
        engine = self._engine
        if engine.failure is None and not engine.closed and engine.clock is not None:
            # What has happened until now is to be in it, and the samples of the last spikes too.
            ahead = 0 if engine.device.info.foresees else SAMPLES_FROM
            sync.wait_once(engine, "Recording.stop", READ, end + ahead)
        self._recorder.stop(end)
        self._check()

    async def astop(self) -> None:
        """Do what `stop` does, without blocking the event loop."""
        from anyio import to_thread

        self._check()
        await to_thread.run_sync(self.stop)

    def wait_until_stopped(self) -> None:
        """Wait for the end that was set; `RuntimeError` where none was.

        In accelerated time this moves time.
        """
        deadline = self._deadline()
        if not self.has_stopped():
            sync.wait_once(self._engine, "wait_until_stopped", READ, deadline)
            self._recorder.done.wait()
        self._check()

    async def await_until_stopped(self) -> None:
        """Do what `wait_until_stopped` does, without blocking the event loop."""
        from anyio import to_thread

        from ._wait import aio

        deadline = self._deadline()
        if not self.has_stopped():
            await aio.wait_once(self._engine, "await_until_stopped", READ, deadline)
            if not self.has_stopped():
                await to_thread.run_sync(self._recorder.done.wait, abandon_on_cancel=True)
        self._check()

    def _deadline(self) -> int:
        self._check()
        end = self._recorder.end
        if end is None:
            raise RuntimeError(
                f"{self._path.name} has no end to wait for: give stop_after_seconds or stop_after_frames"
            )
        return end if self._engine.device.info.foresees else end + SAMPLES_FROM

    def open(self) -> RecordingView:
        """Return a view of the finished recording; `RuntimeError` before it has stopped."""
        from ._store.view import RecordingView

        self._check()
        if not self.has_stopped():
            raise RuntimeError(f"{self._path.name} is still being recorded: stop it, or wait for its end")
        return RecordingView(self._path)

    def finalise(self) -> None:
        """End the recording where the device has come to: the device is being closed."""
        if not self.has_stopped():
            self._recorder.stop(self._engine.position)

    def _check(self) -> None:
        error = self._recorder.error
        if error is not None:
            raise RecordingFailedError(
                f"the recording {self._path} has failed, and ends where it did: {error}"
            ) from error

    def __repr__(self) -> str:
        return f"Recording({self._path.name!r}, {self.status})"


class Recordings:
    """The data streams of an open device, and its recordings: started here, finalised at its end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: dict[str, DataStream] = {}
        self._recordings: list[Recording] = []

    def running(self) -> list[Recording]:
        """Return the recordings that have not stopped."""
        return [r for r in tuple(self._recordings) if not r.has_stopped()]

    def create_data_stream(self, name: str, attributes: Mapping[str, Any] | None) -> DataStream:
        """Return a new data stream; `ValueError` for a name that is taken or cannot be stored."""
        from .data_stream import DataStream

        stream = DataStream(self._engine, name, attributes)
        if name in self._streams:
            raise ValueError(f"there is a data stream {name!r} already")
        self._streams[name] = stream
        return stream

    def streams(self) -> list[DataStream]:
        """Return the data streams that there are."""
        return list(self._streams.values())

    def start(
        self,
        present: Callable[[], int],
        folder: str | os.PathLike[str] | None,
        suffix: str | None,
        begin: int,
        end: int | None,
        attributes: Mapping[str, Any] | None,
        include_spikes: bool,
        include_stims: bool,
        include_raw_samples: bool,
        wanted: Callable[[str], bool] | None,
    ) -> Recording:
        """Start a recording of [begin, end), of the streams whose names are `wanted`."""
        from ._store.attributes import plain_dict

        application = plain_dict(attributes)
        info = self._engine.device.info
        writer, path = _create(
            _folder(folder, info.is_simulator),
            _suffix(suffix),
            channel_count=CHANNEL_COUNT,
            frames_per_second=FRAMES_PER_SECOND,
            uV_per_sample_unit=info.uV_per_sample_unit,
            start_timestamp=begin,
            application=application,
            system={k: str(info.attributes[k]) for k in ("hostname", "project_id", "cell_batch_id")},
            file_version="SDK" if info.is_simulator else "1",
            include_spikes=include_spikes,
            include_stims=include_stims,
            include_raw_samples=include_raw_samples,
            include_data_streams=wanted is not None,
        )
        recorder = Recorder(
            self._engine,
            writer,
            begin,
            end,
            lambda: [s for s in self.streams() if wanted is not None and wanted(s.name)],
            lambda: application,
            include_raw_samples,
        )
        recording = Recording(self._engine, recorder, path, begin, application, present)
        self._recordings = [*self.running(), recording]
        recorder.begin()
        return recording

    def finalise(self) -> None:
        """End all that runs."""
        for recording in self.running():
            recording.finalise()


def window(
    now: int,
    oldest: int,
    from_seconds_ago: float | None,
    from_frames_ago: int | None,
    from_timestamp: int | None,
    stop_after_seconds: float | None,
    stop_after_frames: int | None,
) -> tuple[int, int | None]:
    """Return where a recording begins and ends, or None for no end.

    It reaches back as far as the history goes, and its length counts from where it begins.
    """
    begin = now
    if from_seconds_ago is not None:
        begin = now - seconds_to_frames("from_seconds_ago", from_seconds_ago)
    if from_frames_ago is not None:
        begin = now - whole("from_frames_ago", from_frames_ago, 0)
    if from_timestamp is not None:
        begin = whole("from_timestamp", from_timestamp, 0)
    _only_one(
        from_seconds_ago=from_seconds_ago, from_frames_ago=from_frames_ago, from_timestamp=from_timestamp
    )
    if begin > now:
        raise ValueError(f"from_timestamp={from_timestamp} is in the future: now is {now}")
    begin = max(begin, oldest)
    _only_one(stop_after_seconds=stop_after_seconds, stop_after_frames=stop_after_frames)
    length = None
    if stop_after_frames is not None:
        length = whole("stop_after_frames", stop_after_frames, 1)
    if stop_after_seconds is not None:
        length = seconds_to_frames("stop_after_seconds", stop_after_seconds)
        if length < 1:
            raise ValueError(f"stop_after_seconds must be above 0, not {stop_after_seconds!r}")
    return begin, None if length is None else begin + length


def wanted_streams(include: bool | Iterable[str], exclude: Iterable[str]) -> Callable[[str], bool] | None:
    """Return which streams a recording takes, by name, or None for none at all."""
    excluded = _names("exclude_data_streams", exclude)
    if include is False:
        return None
    if include is True:
        return lambda name: name not in excluded
    included = _names("include_data_streams", include)
    return lambda name: name in included and name not in excluded


def _names(what: str, names: Any) -> frozenset[str]:
    if isinstance(names, (str, bytes)):
        raise TypeError(f"{what} must be a list of names, not {names!r}")
    try:
        found = frozenset(names)
    except TypeError:
        raise TypeError(f"{what} must be a list of names, not {names!r}") from None
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{what} holds {name!r}, which is no name")
    return found


def _only_one(**given: object) -> None:
    named = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)}: only one of them can be given")


def _suffix(suffix: str | None) -> str:
    if suffix is None or suffix == "":
        return "recording"
    if not isinstance(suffix, str):
        raise TypeError(f"file_suffix must be a string, not {suffix!r}")
    if any(c in suffix for c in "/\\\0"):
        raise ValueError(f"file_suffix={suffix!r} is part of a file's name: it cannot hold a path")
    return suffix


def _folder(folder: str | os.PathLike[str] | None, is_simulator: bool) -> Path:
    if folder is not None:
        return Path(folder).absolute()
    if not is_simulator and os.access(_DEVICE_FOLDER, os.W_OK):
        return _DEVICE_FOLDER
    return Path.cwd()


def _create(folder: Path, suffix: str, **keywords: Any) -> tuple[RecordingWriter, Path]:
    """Make a file with a name that nobody has taken, in UTC."""
    from ._store.writer import RecordingWriter

    if not folder.is_dir():
        raise FileNotFoundError(f"file_location={str(folder)!r} is not a folder that exists")
    stamp = utc_stamp()
    number = 1
    while True:
        path = folder / f"{stamp}_{suffix}{'' if number == 1 else f'_{number}'}.h5"
        try:
            return RecordingWriter(path, **keywords), path
        except FileExistsError:
            number += 1
