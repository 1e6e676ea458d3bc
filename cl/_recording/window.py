"""What a recording is asked to hold: its window of time, its data streams, and in which files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl._values.rates import seconds_to_frames

_USUAL_LEVEL: Final = 4
"""Half of the size that zlib's best saves beyond its first, at a third of the time that it takes."""


def window(
    present: int,
    latest: int,
    oldest: int,
    from_seconds_ago: float | None,
    from_frames_ago: int | None,
    from_timestamp: int | None,
    stop_after_seconds: float | None,
    stop_after_frames: int | None,
) -> tuple[int, int | None]:
    """Return where a recording begins and ends, or None for no end.

    It begins at `present`, or reaches back as far as `oldest`; `latest` is the greatest timestamp that a
    program can know. Its length counts from where it begins.
    """
    _only_one(
        from_seconds_ago=from_seconds_ago, from_frames_ago=from_frames_ago, from_timestamp=from_timestamp
    )
    _only_one(stop_after_seconds=stop_after_seconds, stop_after_frames=stop_after_frames)
    begin = present
    if from_seconds_ago is not None:
        begin = present - seconds_to_frames("from_seconds_ago", from_seconds_ago)
    if from_frames_ago is not None:
        begin = present - whole(from_frames_ago, "from_frames_ago", 0, floats=True)
    if from_timestamp is not None:
        begin = whole(from_timestamp, "from_timestamp", 0, floats=True)
        if begin > max(present, latest):
            raise ValueError(f"from_timestamp={begin} is in the future: now is {latest}")
    begin = max(begin, oldest)
    length = None
    if stop_after_frames is not None:
        length = whole(stop_after_frames, "stop_after_frames", 1, floats=True)
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


def compression_level(compression: str | None) -> int:
    """Return at which level of zlib's samples are compressed; 0 for not at all."""
    if compression is None:
        return 0
    if not isinstance(compression, str):
        raise TypeError(f"compression must be None or a name, not {compression!r}")
    if compression == "gzip":
        return _USUAL_LEVEL
    name, _, level = compression.partition("-")
    if name != "gzip" or level not in tuple("123456789"):
        raise ValueError(f"compression must be None, 'gzip' or 'gzip-1' to 'gzip-9', not {compression!r}")
    return int(level)


def file_length(new_file_every_seconds: float | None) -> int | None:
    """Return how many frames a file has before there is a new one, None for a recording in one file."""
    if new_file_every_seconds is None:
        return None
    frames = seconds_to_frames("new_file_every_seconds", new_file_every_seconds)
    if frames < FRAMES_PER_SECOND:
        raise ValueError(f"new_file_every_seconds must be at least 1, not {new_file_every_seconds!r}")
    return frames


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
