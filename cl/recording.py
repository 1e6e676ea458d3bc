"""Recordings: a window of device time, written to HDF5 while it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._core.participant import READ, Participant
from ._values.lazy import lazy_names
from ._wait import threads
from .error import RecordingFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from ._core.engine import Engine
    from ._recording.recorder import Recorder
    from ._recording.succession import Succession
    from ._recording.user_attributes import UserAttributes
    from ._store.read.view import RecordingView


class Recording:
    """A recording that runs or has run. Made by `Neurons.record`.

    `file` has `name`, `path` and `uri_path`, and `files` the same of each of its files, in order, if it has
    several: `file` is then the newest. `start_timestamp` is the first frame recorded. After a disk
    error, or if others have replaced or cut the file, the recording has stopped, what was written
    stays readable with `cl.RecordingView(path)`, and the methods raise `RecordingFailedError`.
    """

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        application: UserAttributes,
        written: Succession,
        present: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._application = application
        self._written = written
        self._present = present
        self.start_timestamp = written.start

    @property
    def file(self) -> dict[str, str]:
        """`name`, `path` and `uri_path` of the file; of several, the newest."""
        return _named(self._path)

    @property
    def files(self) -> list[dict[str, str]]:
        """`file` of all files so far, one or, with `new_file_every_seconds`, several, in order."""
        return [_named(path) for path in list(self._written.paths)]

    @property
    def _path(self) -> Path:
        return self._written.path

    @property
    def attributes(self) -> dict[str, Any]:
        """All root attributes of the file, as they stand: a copy.

        `application` has the application's own, see `update_attributes`. Those of the end (`ended_utc`,
        `end_timestamp`, `duration_frames` and the like) are as far as has been written until it has stopped.
        """
        return {**self._written.attributes(), "application": self._application.current()}

    @property
    def status(self) -> str:
        """ "started" or "stopped"."""
        return "stopped" if self.has_stopped() else "started"

    def has_stopped(self) -> bool:
        """Return whether the recording has ended and its file is closed."""
        self._engine.time.calls += 1
        return self._recorder.done.is_set()

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one of the application's attributes; the file has them as they stand at the end."""
        self.update_attributes({key: value})

    def update_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set some of the application's attributes; `RuntimeError` once the recording has stopped.

        `TypeError` or `ValueError` for what no file can hold; nothing is changed then.
        """
        self._check()
        if not self._application.update(attributes):
            raise RuntimeError(f"{self._path.name} has stopped: its attributes cannot be changed any more")

    def seconds_left(self) -> float:
        """Return for how many seconds more the disk has room at the present rate.

        That is the rate of the last minute, of all running recordings on the disk; infinite where nothing is
        written. The logger `cl` warns at an hour and at ten minutes, unless the recording ends before.
        `RuntimeError` once it has stopped, `OSError` where its folder is gone.
        """
        self._check()
        if self.has_stopped():
            raise RuntimeError(f"{self._path.name} has stopped: it takes no more of the disk")
        return self._recorder.space.seconds_left()

    def stop(self) -> None:
        """End the recording now, and close its file. Stopping again does nothing.

        It has everything before the present, and all that was appended to data streams. In wall-clock
        time a source that cannot be foreseen is waited for until the last spikes' samples are there, 2 ms;
        in accelerated time `stop` does not move time: the last frame stands for those to come. An end that
        was set is not waited for, `wait_until_stopped` does that; a recording that has come to no frame of
        its own then is warned of on the logger `cl`.
        """
        if self._begin_to_stop():
            self._await_written()
        self._check()

    async def astop(self) -> None:
        """Do what `stop` does, without blocking the event loop.

        If it is cancelled the recording ends all the same.
        """
        from ._values.offload import in_thread

        if self._begin_to_stop():
            await in_thread(self._await_written)
        self._check()

    def wait_until_stopped(self) -> None:
        """Wait until the recording has stopped, by the end that was set or by a `stop`.

        `RuntimeError` where it runs and no end was set. In accelerated time this moves time.
        `DeviceDisconnectedError` where the device fails before.
        """
        participant = self._register("wait_until_stopped")
        if participant is not None:
            try:
                threads.join_and_wait(self._engine, participant, self._recorder.last_frame)
            except Exception:
                self._raise_unless_gone()
        self._recorder.wait()
        self._check_whole()

    async def await_until_stopped(self) -> None:
        """Do what `wait_until_stopped` does, without blocking the event loop."""
        from ._wait import tasks
        from ._wait.backend import current_backend

        participant = self._register("await_until_stopped")
        if participant is not None:
            try:
                await tasks.join_and_wait(self._engine, participant, self._recorder.last_frame)
            except Exception:
                self._raise_unless_gone()
        parker = current_backend().parker()
        self._recorder.when_done(parker.wake)
        try:
            await parker.park()
        finally:
            self._recorder.forget(parker.wake)
        self._check_whole()

    def open(self) -> RecordingView:
        """Return a view of the finished recording.

        `RuntimeError` before it has stopped, or if it has several files: `cl.analysis.open_many` reads those.
        """
        from ._store.read.view import RecordingView

        self._check()
        if not self.has_stopped():
            raise RuntimeError(f"{self._path.name} is still being recorded: stop it, or wait for its end")
        if len(self._written.paths) > 1:
            raise RuntimeError(
                f"the recording has {len(self._written.paths)} files: cl.analysis.open_many(file['path'] for "
                "file in recording.files) reads them as one"
            )
        return RecordingView(self._path)

    def __repr__(self) -> str:
        return f"Recording({self._path.name!r}, {self.status})"

    def _repr_html_(self) -> str:
        from ._values.html import face, number

        attributes, error = self.attributes, self._recorder.error
        facts = {
            "status": self.status if error is None else f"failed: {error}",
            "begins at": f"timestamp {number(self.start_timestamp)}",
            "written": f"{number(float(attributes.get('duration_seconds') or 0.0))} s",
            "attributes": ", ".join(f"{name}: {value!r}" for name, value in attributes["application"].items())
            or None,
            "path": self.file["path"],
        }
        return face("Recording", self.file["name"], facts)

    # -- ending ---------------------------------------------------------------------------

    def _begin_to_stop(self) -> bool:
        """Let the recording end at the present; return whether it had not ended already."""
        self._check()
        if self.has_stopped():
            return False
        threads.refuse_reentry(self._engine)
        self._recorder.end_now(self._present)
        return True

    def _await_written(self) -> None:
        """Wait until the file is closed, its end being set."""
        engine, recorder = self._engine, self._recorder
        if engine.time.comes():
            try:
                # The last spikes' samples: where time stands still the last frame stands for them.
                threads.wait_once(engine, "Recording.stop", READ, recorder.last_frame)
            except Exception:
                self._raise_unless_gone()
            recorder.hurry()
        else:
            with engine.lock:
                recorder.cut_off()
        recorder.wait()
        with engine.lock:
            # Another one may be waiting in accelerated time for just this.
            threads.go_on(engine)

    def _register(self, name: str) -> Participant | None:
        """Return who is to wait for the end, where time does not come to it by itself."""
        self._check()
        threads.refuse_reentry(self._engine)
        engine, recorder = self._engine, self._recorder
        if recorder.end is None:
            raise RuntimeError(
                f"{self._path.name} has no end to wait for: give stop_after_seconds or stop_after_frames"
            )
        if engine.time.comes() or self.has_stopped() or recorder.planned_end is None:
            return None
        participant = Participant(
            name, READ, probe=lambda: engine.position if recorder.is_ending else recorder.last_frame
        )
        participant.goal = recorder.planned_end
        return participant

    def _raise_unless_gone(self) -> None:
        """Raise the error that is being handled, unless it is the device's end, which ends the recording."""
        if self._engine.failure is None and not self._engine.closed:
            raise

    def _check_whole(self) -> None:
        """Raise if the end that was set was not come to since the device failed, or if the recording did."""
        self._check()
        end, planned = self._recorder.end, self._recorder.planned_end
        if planned is not None and end is not None and end < planned and self._engine.failure is not None:
            self._engine.check()

    def _check(self) -> None:
        if self._recorder.inherited:
            self._engine.check()
        error = self._recorder.error
        if error is not None:
            raise RecordingFailedError(
                f"the recording {self._path} has failed, and ends where it did: {error}"
            ) from error


def _named(path: Path) -> dict[str, str]:
    return {"name": path.name, "path": str(path), "uri_path": path.as_uri().removeprefix("file://")}


# Programs import these from here as well.
__getattr__, __dir__ = lazy_names(
    __name__,
    {"RecordingView": "cl._store.read.view", "Spike": "cl.events", "Stim": "cl.events"},
)
