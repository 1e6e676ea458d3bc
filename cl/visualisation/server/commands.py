"""What a page may ask for: its JSON messages, checked. None of them changes the device; one adds a remark."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cl._store.stream_names import LONGEST
from cl._values.numbers import Wording, whole

CHANNELS: Final = 64
BINS: Final = (1, 5, 25, 125)
"""Frames a bin of traces may cover; every one divides the grid that frames are sent on."""
MAX_TRACES: Final = 16
MAX_RAW_TRACES: Final = 8
MAX_NAMES: Final = 64
MAX_ANNOTATION: Final = 2000
MAX_NAME: Final = LONGEST
_LATEST: Final = 1 << 53
"""Beyond this a JavaScript number is no longer exact."""


class CommandError(ValueError):
    """A message that is not understood, or asks for too much."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send a topic from now on; `since` asks for what there still is from that time on."""

    topic: str
    since: int | None = None
    channels: tuple[int, ...] = ()
    bin_frames: int = 1
    names: tuple[str, ...] = ()
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Send a topic no more."""

    topic: str


@dataclass(frozen=True, slots=True)
class Play:
    """Let a recording go on, or stand still."""

    playing: bool


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to a position of a recording."""

    position: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Play a recording at another speed, 1 being that of life."""

    factor: float


@dataclass(frozen=True, slots=True)
class Annotate:
    """Put a remark into what is recorded, for who has the page's token."""

    text: str
    token: str


Command = Subscribe | Unsubscribe | Play | Seek | Speed | Annotate

TOPICS: Final = ("entries", "overview", "spikes", "status", "stims", "streams", "traces", "waveforms")


def parse(text: str | bytes) -> Command:
    """Return the command that a message holds; `CommandError` says what is wrong with it."""
    if isinstance(text, bytes):
        raise CommandError("commands are text messages")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise CommandError("not JSON") from None
    if not isinstance(found, dict):
        raise CommandError("a command is a JSON object")
    kind = found.get("type")
    build = _COMMANDS.get(kind) if isinstance(kind, str) else None
    if build is None:
        raise CommandError(f"unknown type: {_shown(kind)}")
    return build(found)


def _shown(value: Any) -> str:
    return repr(value)[:60]


_RANGE: Final = "a whole number from {least} to {most}"
_AS_A_COMMAND: Final = Wording("{what} must be {limit}, not {value}", _RANGE, _RANGE, _shown)


def _whole(found: dict[str, Any], name: str, low: int, high: int) -> int:
    value = found.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _checked(value, name, low, high)


def _checked(value: Any, name: str, low: int, high: int) -> int:
    try:
        return whole(value, name, low, high, _AS_A_COMMAND)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from None


def _topic(found: dict[str, Any]) -> str:
    topic = found.get("topic")
    if topic not in TOPICS or not isinstance(topic, str):
        raise CommandError(f"unknown topic: {_shown(topic)}")
    return topic


def _channels(found: dict[str, Any], most: int) -> tuple[int, ...]:
    value = found.get("channels")
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise CommandError(f"channels must be a list of 1 to {most} channels")
    chosen = []
    for channel in value:
        chosen.append(_checked(channel, "a channel", 0, CHANNELS - 1))
    if len(set(chosen)) != len(chosen):
        raise CommandError("a channel is listed twice")
    return tuple(chosen)


def _bin(found: dict[str, Any]) -> int:
    value = _whole(found, "bin", 1, 125)
    if value not in BINS:
        raise CommandError(f"bin must be one of {', '.join(map(str, BINS))}, not {value}")
    return value


def _names(found: dict[str, Any]) -> tuple[str, ...]:
    value = found.get("names")
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_NAMES:
        raise CommandError(f"names must be a list of 1 to {MAX_NAMES} names of data streams")
    if not all(isinstance(name, str) and len(name) <= MAX_NAME for name in value):
        raise CommandError(f"a data stream's name is a string of at most {MAX_NAME} characters")
    return tuple(value)


def _packed(found: dict[str, Any]) -> bool:
    value = found.get("format", "json")
    if value not in ("json", "msgpack"):
        raise CommandError(f"format must be json or msgpack, not {_shown(value)}")
    return bool(value == "msgpack")


def _subscribe(found: dict[str, Any]) -> Subscribe:
    topic = _topic(found)
    since = None if found.get("since") is None else _whole(found, "since", 0, _LATEST)
    if topic == "traces":
        bin_frames = _bin(found)
        most = MAX_RAW_TRACES if bin_frames == 1 else MAX_TRACES
        return Subscribe(topic, since, _channels(found, most), bin_frames)
    if topic == "waveforms":
        return Subscribe(topic, since, (_whole(found, "channel", 0, CHANNELS - 1),))
    if topic == "entries":
        return Subscribe(topic, since, names=_names(found), packed=_packed(found))
    return Subscribe(topic, since)


def _unsubscribe(found: dict[str, Any]) -> Unsubscribe:
    return Unsubscribe(_topic(found))


def _seek(found: dict[str, Any]) -> Seek:
    return Seek(_whole(found, "position", 0, _LATEST))


def _speed(found: dict[str, Any]) -> Speed:
    value = found.get("factor")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CommandError(f"factor must be a number, not {_shown(value)}")
    if not (math.isfinite(value) and 0.01 <= value <= 20):
        raise CommandError(f"factor must be from 0.01 to 20, not {_shown(value)}")
    return Speed(float(value))


def _annotate(found: dict[str, Any]) -> Annotate:
    text, token = found.get("text"), found.get("token")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_ANNOTATION:
        raise CommandError(f"text must be 1 to {MAX_ANNOTATION} characters")
    if not isinstance(token, str):
        raise CommandError("an annotation needs the page's token")
    return Annotate(text.strip(), token)


_COMMANDS: Final[dict[str, Callable[[dict[str, Any]], Command]]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "play": lambda found: Play(True),
    "pause": lambda found: Play(False),
    "seek": _seek,
    "speed": _speed,
    "annotate": _annotate,
}
