"""The files of one recording, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cl._values.constants import NEVER
from cl._values.saying import Log

from .appended import Fresh, Timed

if TYPE_CHECKING:
    from pathlib import Path

    from cl._store.write.writer import RecordingWriter

    from .capture import Capture

_log = Log()
_NOTHING: Final = Fresh(Timed([], []), Timed([], []))


class Rotation(NamedTuple):
    """When a new file is begun, and how."""

    frames: int
    """So long is each file but the last."""
    create: Callable[[list[Path], int], RecordingWriter]
    """Return the file that follows others, and begins at a frame; it has no name yet."""


class Succession:
    """Writes a recording into one file, or into files that follow one another; used by one thread.

    A file is ended when everything of its time is in it, and the next one begins with the frame that follows.
    What was appended to data streams, and the log, goes to the file of the time it was appended at, whatever
    timestamp it carries: it is not kept waiting. If a file cannot be made, the one before goes on.
    """

    def __init__(
        self,
        begin: Callable[[RecordingWriter, int], Capture],
        writer: RecordingWriter,
        start: int,
        rotation: Rotation | None,
    ) -> None:
        """`begin` returns what writes into a file from a frame on; `writer` is the first file."""
        self.start = start
        self.paths: list[Path] = [writer.path]
        """The files, the newest last."""
        self._begin = begin
        self._writer = writer
        self._rotation = rotation
        self._turn = NEVER if rotation is None else start + rotation.frames
        """The frame that the next file begins with."""
        self._held = _NOTHING
        """What was appended in the time of that one."""
        self._next: RecordingWriter | None = None
        self._ended_frames = self._ended_size = 0
        self._capture = begin(writer, start)
        self.ahead = self._capture.ahead
        """Frames beyond the end that the last spikes' samples have to be waited for."""

    @property
    def path(self) -> Path:
        """The file that is written, or was last."""
        return self.paths[-1]

    @property
    def turn(self) -> int:
        """The frame that the next file begins with."""
        return self._turn

    @property
    def needs(self) -> int:
        """The oldest frame that is still to be looked at."""
        return self._capture.needs

    @property
    def frames(self) -> int:
        """Frames that were written so far, of all files."""
        return self._ended_frames + self._writer.frames

    @property
    def size(self) -> int:
        """Bytes that all files take."""
        return self._ended_size + self._writer.size

    def attributes(self) -> dict[str, Any]:
        """Return the root attributes of the file that is written, as they stand. For any thread."""
        return self._writer.attributes()

    def write(self, stop: int, fresh: Fresh, foresee: bool) -> None:
        """Write everything before `stop`, as `Capture.write` does."""
        pending = self._held.with_later(fresh)
        while self._turn < stop and self._turn + self.ahead <= stop:
            pending = self._turn_over(pending)
        entries, log, self._held = pending.divided(self._turn)
        self._capture.write(min(stop, self._turn), entries, log, foresee)

    def finish(self, end: int, fresh: Fresh) -> None:
        """Write the rest, up to `end`, and close the file."""
        pending = self._held.with_later(fresh)
        while self._turn < end:
            pending = self._turn_over(pending)
        self._held = _NOTHING
        self._capture.finish(end, pending.entries.items, pending.log.items)

    def give_up(self, error: BaseException) -> None:
        """After an error: end the recording where it is whole."""
        self._capture.give_up(error)

    def undo(self) -> None:
        """Remove the file, into which nothing was written."""
        self._capture.undo()

    def disown(self) -> None:
        """Let go of the files, in a fork."""
        self._capture.disown()
        if self._next is not None:
            self._next.disown()

    def _turn_over(self, pending: Fresh) -> Fresh:
        """End the file, and begin the next; return what was appended in the time of that one and later."""
        assert self._rotation is not None
        turn = self._turn
        try:
            following = self._next = self._rotation.create(self.paths, turn)
        except OSError as error:
            _log.warning(
                "the recording %s goes on in this file, no new one can be made: %s", self.path, error
            )
            self._turn += self._rotation.frames
            return pending
        entries, log, later = pending.divided(turn)
        try:
            self._capture.finish(turn, entries, log, is_last=False)
            # Not before: a process that is killed now leaves no file that begins where none ends.
            following.appear()
        except BaseException:
            following.discard()
            raise
        capture = self._begin(following, turn)
        self._ended_frames, self._ended_size = self.frames, self.size
        self._writer, self._capture, self._next = following, capture, None
        self.paths.append(following.path)
        self._turn += self._rotation.frames
        return later
