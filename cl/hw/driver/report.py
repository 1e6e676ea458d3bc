"""What a device says about itself, for a person who asks which one a program would open."""

from __future__ import annotations

from dataclasses import dataclass

from cl.hw.wire.layout import RegionKind, Register, RingWord, Status

from .session import TIMEOUT, DeviceFacts, Session


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device's facts, and its state at the moment it was asked."""

    facts: DeviceFacts
    state: str
    """"stopped", "running" or "failed", or what it says if that is none of these."""
    posted: int
    """The timestamp after the newest frame."""
    moderation: int
    """Frames from one data interrupt to the next."""
    frames_dropped: int
    owner: int
    """The process that has control, or 0."""
    error: str
    """What the device says went wrong, or nothing."""


def report(address: str, timeout: float = TIMEOUT) -> DeviceReport:
    """Connect to the device at `address`, look, and disconnect. Errors as for `Session`."""
    session = Session(address, data_vectors=1, timeout=timeout)
    try:
        words = session.regions[RegionKind.REGISTERS].words
        status = words[Register.STATUS]
        known = status in Status.__members__.values()
        return DeviceReport(
            session.facts,
            Status(status).name.lower() if known else f"unknown ({status})",
            session.regions[RegionKind.FRAMES].words[RingWord.PRODUCED],
            words[Register.MODERATION],
            words[Register.FRAMES_DROPPED],
            words[Register.OWNER],
            session.error_text() if words[Register.ERROR] else "",
        )
    finally:
        session.close()
