"""What happens to the file of a recording while it is made: others change it, or the disk is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.saying import Log

if TYPE_CHECKING:
    from cl._core.timebase import Timebase
    from cl._store.write.writer import RecordingWriter

_log = Log()


class FileWatch:
    """Looks after a recording's file; each thing is said once. Used by one thread."""

    def __init__(self, writer: RecordingWriter, time: Timebase) -> None:
        self._writer = writer
        self._time = time
        self._said: str | None = None
        self._cut: str | None = None
        """That the file was cut: it cannot be seen any more once it has grown again."""
        self._is_slow = False

    def look(self) -> str | None:
        """Return what others have done to the file, if they have."""
        found = self._writer.displaced()
        if found is not None and self._said is None:
            self._said = found
            _log.warning("%s %s", self._writer.path, found)
        if found is not None and "was cut" in found:
            self._cut = self._cut or found
        return found or self._cut

    def check(self, found_before: str | None) -> None:
        """Raise OSError where the file, now closed, is not what was recorded."""
        found = self._writer.displaced() or found_before
        if found is not None:
            raise OSError(f"{self._writer.path} {found}")

    def look_at_disk(self, since: int) -> None:
        """Say so where more than is promised is not on the disk: what came after the frame `since`."""
        writer, time = self._writer, self._time
        if not writer.sync_seconds or self._is_slow or time.clock is None:
            return
        late = -time.seconds_until(since)
        if late > writer.sync_seconds:
            self._is_slow = True
            _log.warning(
                "%s: a power cut would take the last %.1f s, which is more than CL_SDK_SYNC_SECONDS=%g",
                writer.path,
                late,
                writer.sync_seconds,
            )
