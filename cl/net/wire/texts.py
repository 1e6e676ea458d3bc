"""The messages in JSON: HELLO, WELCOME, STATE."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from .layout import FRAME_LIMIT, JSON_LIMIT, MINOR, NAME_LIMIT, TEXT_LIMIT, VERSION, Capability, ProtocolError

_ID_LENGTH: Final = 32
_HEX: Final = frozenset("0123456789abcdef")
_STATUS: Final = ("running", "stopped", "failed")
_LONGEST_MS: Final = 3_600_000


class Hello(NamedTuple):
    """What a client says of itself."""

    protocol: tuple[int, int]
    capabilities: Capability
    session: str
    name: str
    server: str | None


class State(NamedTuple):
    """What changes about a device now and then."""

    status: str
    controller: str | None
    yours: bool
    text: str


class Welcome(NamedTuple):
    """What a server says of its device."""

    server: str
    resumed: bool
    capabilities: Capability
    device: str
    channels: int
    frames_per_second: int
    uV_per_sample_unit: float
    first_frame: int
    oldest: int
    position: int
    history_frames: int
    interval_frames: int
    lease_ms: int
    heartbeat_ms: int
    silence_ms: int
    attributes: dict[str, Any]
    state: State


def pack_hello(hello: Hello) -> bytes:
    """Return the body of HELLO."""
    return _packed({**hello._asdict(), "capabilities": _names(hello.capabilities)})


def pack_welcome(welcome: Welcome) -> bytes:
    """Return the body of WELCOME."""
    found = welcome._asdict()
    found |= {"protocol": VERSION, "minor": MINOR, "capabilities": _names(welcome.capabilities)}
    return _packed({**found, "state": welcome.state._asdict()})


def pack_state(state: State) -> bytes:
    """Return the body of STATE."""
    return _packed(state._asdict())


def _packed(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > JSON_LIMIT:
        raise ValueError(f"a message of {len(text)} bytes of JSON; {JSON_LIMIT} are allowed")
    return text


def _names(capabilities: Capability) -> list[str]:
    return [each.name.lower() for each in Capability if each in capabilities and each.name is not None]


def _object(body: memoryview[int]) -> _Fields:
    if len(body) > JSON_LIMIT:
        raise ProtocolError(f"{len(body)} bytes of JSON")
    try:
        found = json.loads(str(body, "utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"what is no JSON: {error}") from None
    return _Fields(found, "a message")


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no number")


class _Fields:
    """An object of JSON whose fields are looked at one by one."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(f"{what} of JSON that is no object")
        self._fields: dict[str, Any] = value

    def _bad(self, name: str) -> ProtocolError:
        return ProtocolError(f"{name!r} in JSON is {self._fields.get(name)!r:.100}")

    def object(self, name: str) -> dict[str, Any]:
        found = self._fields.get(name)
        if not isinstance(found, dict):
            raise self._bad(name)
        return found

    def text(self, name: str, longest: int = TEXT_LIMIT) -> str:
        found = self._fields.get(name)
        if not isinstance(found, str) or len(found) > longest:
            raise self._bad(name)
        return found

    def optional_text(self, name: str) -> str | None:
        return None if self._fields.get(name) is None else self.text(name)

    def id(self, name: str) -> str:
        found = self.text(name, _ID_LENGTH)
        if len(found) != _ID_LENGTH or not _HEX.issuperset(found):
            raise self._bad(name)
        return found

    def truth(self, name: str) -> bool:
        found = self._fields.get(name)
        if not isinstance(found, bool):
            raise self._bad(name)
        return found

    def whole(self, name: str, low: int = 0, high: int = FRAME_LIMIT - 1) -> int:
        found = self._fields.get(name)
        if type(found) is not int or not low <= found <= high:
            raise self._bad(name)
        return found

    def positive(self, name: str) -> float:
        found = self._fields.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < 1e9:
            raise self._bad(name)
        return float(found)

    def versions(self, name: str) -> tuple[int, int]:
        found = self._fields.get(name)
        if not isinstance(found, list) or len(found) != 2 or any(type(each) is not int for each in found):
            raise self._bad(name)
        return found[0], found[1]

    def capabilities(self, name: str) -> Capability:
        found = self._fields.get(name)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self._bad(name)
        known = {each.name.lower(): each for each in Capability if each.name is not None}
        capabilities = Capability(0)
        for each in found:
            capabilities |= known.get(each, Capability(0))
        return capabilities


def unpack_hello(body: memoryview[int]) -> Hello:
    """Return what a client says of itself, or raise ProtocolError."""
    fields = _object(body)
    return Hello(
        fields.versions("protocol"),
        fields.capabilities("capabilities"),
        fields.id("session"),
        fields.text("name", NAME_LIMIT),
        None if fields.optional_text("server") is None else fields.id("server"),
    )


def unpack_state(body: memoryview[int]) -> State:
    """Return a device's state, or raise ProtocolError."""
    return _state(_object(body))


def _state(fields: _Fields) -> State:
    status = fields.text("status")
    if status not in _STATUS:
        raise ProtocolError(f"the status {status!r:.100}")
    return State(status, fields.optional_text("controller"), fields.truth("yours"), fields.text("text"))


def unpack_welcome(body: memoryview[int]) -> Welcome:
    """Return what a server says of its device, or raise ProtocolError."""
    fields = _object(body)
    if fields.whole("protocol") != VERSION:
        raise ProtocolError("a WELCOME of another version")
    return Welcome(
        fields.id("server"),
        fields.truth("resumed"),
        fields.capabilities("capabilities"),
        fields.text("device"),
        fields.whole("channels", 1),
        fields.whole("frames_per_second", 1),
        fields.positive("uV_per_sample_unit"),
        fields.whole("first_frame"),
        fields.whole("oldest"),
        fields.whole("position"),
        fields.whole("history_frames"),
        fields.whole("interval_frames", 1),
        fields.whole("lease_ms", 1, _LONGEST_MS),
        fields.whole("heartbeat_ms", 1, _LONGEST_MS),
        fields.whole("silence_ms", 1, _LONGEST_MS),
        fields.object("attributes"),
        _state(_Fields(fields.object("state"), "a state")),
    )
