"""What is recorded and published while a device is open: its recordings and its data streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cl._recording.shared_cuts import SharedCuts
from cl._wait import threads
from cl.error import DeviceDisconnectedError
from cl.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

    from cl._core.engine import Engine
    from cl._recording.plan import RecordingPlan
    from cl._recording.succession import Rotation
    from cl._store.write.writer import RecordingWriter
    from cl.data_stream import DataStream

SYNC_SECONDS: Final = 2.0
"""In wall-clock time everything older is on the disk, if nothing else was asked for."""


class Recordings:
    """What is recorded and published while a device is open."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: dict[str, DataStream] = {}
        self._closed_streams: dict[str, tuple[DataStream, int]] = {}
        """Those that recordings may still have something to write of, and when they were closed."""
        self._recordings: list[Recording] = []
        self._cuts = SharedCuts()
        self.sync_seconds: float | None = None
        """How old at most is what a power cut takes, 0: it may take all; None: as is usual for its time."""
        engine.listeners.append(self._cut_off)

    def running(self) -> list[Recording]:
        """Return the recordings that have not stopped."""
        return [r for r in self._recordings if not r.has_stopped()]

    def create_data_stream(
        self, present: Callable[[], int], name: str, attributes: Mapping[str, Any] | None
    ) -> DataStream:
        """Return a new data stream; `ValueError` for a name that is taken or cannot be stored."""
        from cl.data_stream import DataStream

        stream = DataStream(self._engine, present, name, attributes, self._release)
        if self._streams.setdefault(name, stream) is not stream:
            raise ValueError(f"there is a data stream {name!r} already")
        self._forget_closed()
        if name in self._closed_streams:
            stream._follow(self._closed_streams[name][0])
        return stream

    def streams(self) -> list[DataStream]:
        """Return the data streams that are open."""
        return list(self._streams.values())

    def _recorded_streams(self) -> list[DataStream]:
        """Return the open data streams, and closed ones of which there may be something to write."""
        closed = {name: stream for name, (stream, _) in self._closed_streams.copy().items()}
        return list({**closed, **self._streams}.values())

    def _release(self, stream: DataStream) -> None:
        """Free the name of a stream that was closed."""
        if self._streams.get(stream.name) is stream:
            # In this order: it is always found in one of them.
            self._closed_streams[stream.name] = stream, self._engine.position
            del self._streams[stream.name]
        self._forget_closed()

    def _forget_closed(self) -> None:
        """Forget the closed streams of which no recording has anything to write, and none will."""
        if all(recording._recorder.has_left() for recording in self._recordings):
            oldest = self._engine.oldest_to_write
            for name, (_, closed_at) in self._closed_streams.copy().items():
                if closed_at < oldest:
                    self._closed_streams.pop(name, None)

    def start(self, plan: RecordingPlan, present: Callable[[], int]) -> Recording:
        """Start to record; `present` returns the frame that a command given now takes effect at."""
        from cl._recording.files import create
        from cl._recording.folders import remove

        engine = self._engine
        has_clock = engine.time.clock is not None
        writer: RecordingWriter | None = None
        folders: list[Path] = []
        try:
            writer, folders = create(plan, engine.device.info, has_clock, self._sync_seconds())
            return self._begin(writer, plan, present)
        except BaseException:
            if writer and not any(writer.path in recording._written.paths for recording in self._recordings):
                # Interrupted before it was known: nobody would end it.
                writer.abort()
                writer.path.unlink(missing_ok=True)
            remove(folders)
            raise

    def _sync_seconds(self) -> float:
        if self.sync_seconds is not None:
            return self.sync_seconds
        # Accelerated time would wait for the disk.
        return 0.0 if self._engine.time.clock is None else SYNC_SECONDS

    def _begin(self, writer: RecordingWriter, plan: RecordingPlan, present: Callable[[], int]) -> Recording:
        from cl._recording.capture import Capture
        from cl._recording.disk_space import DiskSpace
        from cl._recording.recorder import Recorder
        from cl._recording.succession import Succession

        engine = self._engine

        def capture(writer: RecordingWriter, start: int) -> Capture:
            return Capture(
                engine,
                writer,
                start,
                lambda: [stream for stream in self._recorded_streams() if plan.wants(stream.name)],
                plan.application,
                plan.samples,
                plan.spikes,
                self._cuts,
            )

        written = Succession(capture, writer, plan.begin, self._rotation(plan))
        space = DiskSpace(
            written, plan.samples, lambda: [recording._recorder.space for recording in self.running()]
        )
        recorder = Recorder(engine, written, plan.end, space)
        recording = Recording(engine, recorder, plan.application, written, present)
        with engine.lock:
            self._recordings = [*(r for r in self._recordings if not r._recorder.has_left()), recording]
        recorder.begin()
        return recording

    def _rotation(self, plan: RecordingPlan) -> Rotation | None:
        """Return when there is a new file, and how it is made."""
        from dataclasses import replace

        from cl._recording.files import create_next
        from cl._recording.succession import Rotation

        if plan.frames_per_file is None:
            return None
        engine, sync_seconds = self._engine, self._sync_seconds()

        def create(paths: list[Path], start: int) -> RecordingWriter:
            info, has_clock = engine.device.info, engine.time.clock is not None
            following = replace(plan, begin=start)
            number = len(paths) + 1
            return create_next(paths[0], paths[-1], number, following, info, has_clock, sync_seconds)

        return Rotation(plan.frames_per_file, create)

    def finalise(self) -> None:
        """End all that runs, and wait until it is written."""
        engine = self._engine
        if engine.is_open():
            try:
                threads.catch_up(engine)
            except DeviceDisconnectedError:
                pass  # It has failed just now: what was recorded ends there.
        with engine.lock:
            self._cut_off()
        for recording in self._recordings:
            recording._recorder.wait()

    def disown(self) -> None:
        """Let go of the files, in a fork: the process that records goes on writing them."""
        for recording in self._recordings:
            if not recording.has_stopped():
                recording._recorder.disown()

    def _cut_off(self) -> None:
        """Let everything end where the device has come to. Locked."""
        for recording in self._recordings:
            recording._recorder.cut_off()
