"""The numbers of the protocol: `docs/network-protocol.md` is the specification."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

VERSION: Final = 1
MINOR: Final = 0
PATH: Final = "/device"
"""Where a server has the protocol; more may stand before it."""
SUBPROTOCOL: Final = "cl-device.1"

MESSAGE_LIMIT: Final = 1 << 22
"""Bytes of the largest message."""
JSON_LIMIT: Final = 1 << 16
TEXT_LIMIT: Final = 4096
NAME_LIMIT: Final = 200
FRAME_LIMIT: Final = 1 << 62
"""Frame numbers are below this."""
MOST_FRAMES: Final = 2_500
"""Frames of one DATA message."""
MOST_OPERATIONS: Final = 1 << 15
"""Operations of one transaction."""
MOST_STEPS: Final = 1 << 61
KEPT_FRAMES: Final = 125_000
"""How old a frame may become that a subscriber without credit is owed: 5 s."""
KEPT_ANSWERS: Final = 256
"""Answers that a server remembers of a session."""
KEPT_SESSION_S: Final = 60.0
"""How long it remembers a session whose connection is lost."""
HELLO_S: Final = 5.0
"""How long a server waits for HELLO."""
SILENCE_S: Final = 10.0
"""After so long without a message a server closes a connection, unless the lease is longer."""
CREDIT: Final = 1 << 19
"""What our client lends: at 3.2 MB/s 0.16 s of frames, so that answers are not long behind them."""


class Capability(IntFlag):
    """What client and server agree upon; in JSON by their names in small letters."""

    FRAMES = 1
    EVENTS = 2
    STIMULATION = 4
    RESUME = 8


class Kind(IntEnum):
    """The kinds of messages: below 64 a client's, from there on a server's."""

    HELLO = 1
    SUBSCRIBE = 2
    CREDIT = 3
    COMMAND = 4
    CONTROL = 5
    PING = 6
    BYE = 7
    WELCOME = 64
    DATA = 65
    LAG = 66
    ANSWER = 67
    PONG = 68
    STATE = 69
    FAULT = 70


class Wanted(IntFlag):
    """What a subscription has, and a DATA message: the flags of both."""

    FRAMES = 1
    EVENTS = 2


class Outcome(IntEnum):
    """What became of a command."""

    DONE = 0
    INVALID = 1
    REJECTED = 2
    CHANNEL_QUEUE_FULL = 3
    SYNC_LIMIT = 4
    RUN_TIMESTAMP_ORDER = 5
    DEFERRED_INTERRUPT_LIMIT = 6
    NOT_IN_CONTROL = 7
    UNSUPPORTED = 8
    BUSY = 9
    GONE = 10


class Action(IntEnum):
    """What CONTROL asks for."""

    TAKE = 1
    RELEASE = 2


class Fault(IntEnum):
    """Why a server ends a connection."""

    MALFORMED = 1
    VERSION = 2
    FULL = 3
    DEVICE = 4
    ENDS = 5
    TOKEN = 6
    REPLACED = 7


class ProtocolError(Exception):
    """The far side said something that the protocol does not allow."""
