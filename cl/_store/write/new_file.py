"""A file that gets its name once it is one: whatever kills its program, none is there that cannot be read."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cl._values.descriptors import above_standard, keep_opened, opened

from .ordered_file import entry_to_disk

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPEN_FILES: Final = Path("/proc/self/fd")


class NewFile:
    """A new file; a `nameless` one has no name before `appear`, where the system has such files.

    Elsewhere, and on file systems that do not, it has its name from the first. `discard` undoes either.
    """

    def __init__(self, path: Path, *, nameless: bool) -> None:
        """Raise FileExistsError if the name is taken, and what `open` does."""
        self.descriptor = -1
        self._path = path
        self._nameless = nameless
        self._is_named = self._is_settled = False
        if nameless and os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        try:
            # Each in a line of its own: an interruption may come at the entry of a call.
            self._open()
            self.descriptor = above_standard(self.descriptor)
            self._identity = self._look()
        except BaseException:
            self.discard()
            raise

    def __del__(self) -> None:
        # An interruption may come when the file has been made, and nobody has it yet: it stays as it is.
        if getattr(self, "descriptor", -1) >= 0:
            with suppress(OSError):
                os.close(self.descriptor)

    def appear(self) -> None:
        """Give the file its name; FileExistsError if that has been taken meanwhile."""
        if self._is_named:
            return
        source = _OPEN_FILES / str(self.descriptor)
        try:
            # With a folder's descriptor, which is not looked at: else Python does not follow the link.
            os.link(source, self._path, src_dir_fd=self.descriptor, follow_symlinks=True)
        except FileExistsError as error:
            raise FileExistsError(error.errno, error.strerror, str(self._path)) from None
        except OSError:
            self._copy()
        self._is_named = True
        self._identity = self._look()
        with suppress(OSError):
            self._open_again()

    def settle_entry(self, wanted: bool) -> None:
        """Have the file's name on the disk, if that is wanted, before anything is promised of it."""
        if wanted and not self._is_settled:
            self._is_settled = True
            entry_to_disk(self._path)

    def displaced(self, size: int) -> str | None:
        """Return what others have done to the file of so many bytes, if they have."""
        try:
            found = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return "is no longer there: it was removed or renamed while it is recorded"
        except OSError:
            return None  # Nothing is known of it: what is written goes on as long as it can.
        if (found.st_dev, found.st_ino) != self._identity:
            return "is another file: it was replaced while it is recorded"
        if found.st_size < size:
            return f"was cut while it is recorded: {found.st_size} of {size} bytes are left"
        return None

    def discard(self) -> None:
        """Close the file, and leave none."""
        descriptor, self.descriptor = self.descriptor, -1  # An error closes it as well.
        if descriptor >= 0:
            try:
                os.close(descriptor)
            finally:
                if self._is_named:
                    self._path.unlink(missing_ok=True)
        elif self._is_named:
            # An interruption comes after a call, and not before it: it was made just now.
            with suppress(OSError):
                if self._path.stat().st_size == 0:
                    self._path.unlink()

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        if self._nameless and hasattr(os, "O_TMPFILE") and _OPEN_FILES.is_dir():
            flags = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC
            try:
                keep_opened(self, "descriptor", self._path.parent, flags, 0o644)
            except OSError:
                pass  # this file system has no such files
            else:
                return
        try:
            self._is_named = True
            keep_opened(self, "descriptor", self._path, _NEW, 0o644)
        except OSError:
            self._is_named = False
            raise

    def _open_again(self) -> None:
        """Have the descriptor by the name: the system would show it as that of a file that was removed."""
        named = opened(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.path.samestat(os.fstat(named), os.fstat(self.descriptor)):
                os.dup2(named, self.descriptor, inheritable=False)
        finally:
            os.close(named)

    def _copy(self) -> None:
        """Have what is in the file in one that has a name."""
        named = os.open(self._path, _NEW, 0o644)
        try:
            data = os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)
            os.pwrite(named, data, 0)
            os.dup2(named, self.descriptor, inheritable=False)
        except BaseException:
            self._path.unlink()
            raise
        finally:
            os.close(named)
