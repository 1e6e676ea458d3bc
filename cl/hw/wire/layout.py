"""The wire layout: where the registers lie, what the codes mean, how large the rings are.

PROTOCOL.md, sections 3 to 7, is the specification; this module is the same tables as code. All words
are 64-bit, in the byte order of the host, at aligned offsets; registers are numbered by word, not byte.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

MAGIC: Final = int.from_bytes(b"CL1-DAQ\x01", "little")
VERSION_MAJOR: Final = 1
VERSION_MINOR: Final = 3
VERSION: Final = VERSION_MAJOR << 16 | VERSION_MINOR
DESIGNS_SINCE: Final = 1, 1
"""The version from which on a device may post the designs of stims."""
LONG_PLANS_SINCE: Final = 1, 2
"""The version from which on the command ring holds a transaction of 32 768 operations."""
WATCHDOG_SINCE: Final = 1, 3
"""The version from which on a device may watch for its controller's signs of life."""

PAGE: Final = 4096
"""Size of the register and client pages, and of the header in front of every ring's records."""
WORD: Final = 8
U64: Final = (1 << 64) - 1

FRAME_CAPACITY: Final = 262_144
"""Frames in the ring: 10.5 s at 25 kHz, so that whoever copies the last 5 s may take as long again."""
LEAD_FRAMES: Final = 5_000
"""How far a device may write ahead of the frame counter; what is left of the ring is more than 5 s."""
EVENT_CAPACITY: Final = 1 << 18
COMMAND_CAPACITY: Final = 1 << 16
"""Slots of the command ring: one for a transaction, and one for each operation."""
EARLY_COMMAND_CAPACITY: Final = 1 << 14
"""What clients of versions before 1.2 know of."""
COMPLETION_CAPACITY: Final = 1 << 8
RECORD_LIMIT: Final = 4096
"""The largest record (in bytes) that a ring may have."""
CAPACITY_LIMIT: Final = 1 << 24
"""The most records that a ring may have."""

USUAL_LIVENESS_MS: Final = 25
"""How often a device shows a sign of life, unless it says otherwise."""
LONGEST_LIVENESS_MS: Final = 10_000

EVENT_BYTES: Final = 16
DESIGN_BYTES: Final = 64
SLOT_BYTES: Final = 128
COMPLETION_BYTES: Final = 512


class Capability(IntFlag):
    """What a device may be able to do; negotiated when a client connects."""

    SPIKES = 1
    """It detects spikes and posts them."""
    STIMULATION = 2
    """It takes commands, runs the stimulation sequencer, and posts delivered stims."""
    MODERATION = 4
    """The controller may change how many frames go by between data interrupts."""


class Register(IntEnum):
    """Words of the register page, which the device writes and every client reads."""

    MAGIC = 0
    VERSION = 1
    CAPABILITIES = 2
    CHANNELS = 3
    FRAME_RATE = 4
    STEP_RATE = 5
    UV_PER_UNIT = 6
    FIRST_FRAME = 7
    BOOT_ID = 8
    MODERATION = 9
    LIVENESS_MS = 10
    LIVENESS = 16
    STATUS = 17
    ERROR = 18
    FRAMES_DROPPED = 19
    OWNER = 20
    DATA_RAISED_NS = 21
    CONTROL_DONE = 22
    CONTROL_RESULT = 23
    RAISED_DATA = 24
    RAISED_COMPLETION = 25
    RAISED_ERROR = 26
    SUSPENDED = 27
    """Since version 1.3, as the next."""
    SUSPENDED_STEP = 28
    ERROR_TEXT_BYTES = 128


ERROR_TEXT_OFFSET: Final = 129 * WORD
ERROR_TEXT_LIMIT: Final = PAGE - ERROR_TEXT_OFFSET


class ClientRegister(IntEnum):
    """Words of the client page, which one client writes and the device reads."""

    ACK_DATA = 0
    ACK_COMPLETION = 1
    ACK_ERROR = 2
    CONTROL_REQUEST = 8
    MODERATION_REQUEST = 9
    HEARTBEAT = 10
    """Since version 1.3, as the next."""
    HEARTBEAT_MS = 11


class RingWord(IntEnum):
    """Words of the header in front of a ring's records; the producer writes them."""

    RECORD_BYTES = 0
    CAPACITY = 1
    RESERVED = 2
    PRODUCED = 3


class Status(IntEnum):
    """What the device is doing."""

    STOPPED = 0
    RUNNING = 1
    FAILED = 2


class DeviceError(IntEnum):
    """Why the error interrupt was raised."""

    NONE = 0
    OVERRUN = 1
    """Frames were lost before they reached the ring; FRAMES_DROPPED counts them. The device goes on."""
    FATAL = 2
    """The device has failed; the error text says how."""


class Control(IntEnum):
    """What a controller may write to CONTROL_REQUEST, in the low byte."""

    START = 1
    STOP = 2
    RESET = 3
    RESUME = 4
    """Since version 1.3."""


class Result(IntEnum):
    """The outcome of a command."""

    OK = 0
    INVALID = 1
    REJECTED = 2
    CHANNEL_QUEUE_FULL = 3
    SYNC_LIMIT = 4
    RUN_TIMESTAMP_ORDER = 5
    DEFERRED_INTERRUPT_LIMIT = 6
    NOT_OWNER = 7
    UNSUPPORTED = 8
    SUSPENDED = 9
    """Since version 1.3."""


class RegionKind(IntEnum):
    """The regions of shared memory that are handed over."""

    REGISTERS = 1
    CLIENT = 2
    FRAMES = 3
    SPIKES = 4
    STIMS = 5
    COMMANDS = 6
    COMPLETIONS = 7
    DOORBELL = 8
    """Not memory: an eventfd that tells the device to look at commands and control requests."""
    STIM_DESIGNS = 9
    """Since version 1.1."""


class RegionFlag(IntFlag):
    """How a client may use a region."""

    READ = 1
    WRITE = 2


def ring_bytes(record_bytes: int, capacity: int) -> int:
    """Return the size of a ring's region: the header page and the records, in whole pages."""
    return PAGE + (record_bytes * capacity + PAGE - 1) // PAGE * PAGE
