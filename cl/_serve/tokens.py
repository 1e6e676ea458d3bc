"""The file of tokens: one a line, with an optional end; read again when it changes."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._values.saying import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHORTEST: Final = 16
"""Characters that a token has at least: one that is shorter could be guessed."""

_log = Log()


class Token(NamedTuple):
    """A token, and when it ends."""

    value: bytes
    until: datetime | None


class Tokens:
    """Who may come: the tokens of a file as it is now."""

    def __init__(self, path: Path, now: Callable[[], datetime] | None = None) -> None:
        """Read the file. OSError where that cannot be done, ValueError for a bad line or no token at all."""
        self._path = path
        self._now = now or _utc_now
        self._stamp = self._state()
        self._tokens = list(read_tokens(path.read_text()))
        if not self._tokens:
            raise ValueError(f"{path} has no token: write one a line, of at least {SHORTEST} characters")

    def _state(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def allows(self, value: str) -> bool:
        """Return whether a token is good now. One that is nearly right takes as long as another."""
        self._look()
        given, now, good = value.encode(errors="replace"), self._now(), False
        for token in self._tokens:
            is_this = hmac.compare_digest(token.value, given)
            good |= is_this and (token.until is None or now < token.until)
        return good

    def _look(self) -> None:
        """Read the file again if it has changed; a bad one allows nobody."""
        try:
            stamp = self._state()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._tokens = list(read_tokens(self._path.read_text()))
        except (OSError, ValueError) as error:
            if self._tokens:
                _log.warning("no token is good any more: %s: %s", self._path, error)
            self._tokens, self._stamp = [], (-1, -1, -1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def read_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a file: a word a line, a time in ISO 8601 behind it perhaps; # begins a comment.

    ValueError names the line that is something else, and nothing of the token.
    """
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) > 2:
            raise ValueError(
                f"line {number}: {len(words)} words, where a token and the time of its end belong"
            )
        if len(words[0]) < SHORTEST or not words[0].isascii() or not words[0].isprintable():
            raise ValueError(f"line {number}: a token has at least {SHORTEST} characters of ASCII")
        yield Token(words[0].encode(), _end(words[1], number) if len(words) == 2 else None)


def _end(text: str, line: int) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"line {line}: {text!r} is no time such as 2027-01-31T12:00:00+00:00") from None
    # Without a zone it is UTC: what the host's zone is would be for the reader of the file to guess.
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
