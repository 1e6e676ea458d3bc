"""What a driver can see of the device: its registers and rings in shared memory."""

from __future__ import annotations

import os
import secrets
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, STEPS_PER_FRAME
from cl.hw.wire.layout import (
    COMMAND_CAPACITY,
    COMPLETION_BYTES,
    COMPLETION_CAPACITY,
    DESIGN_BYTES,
    DESIGNS_SINCE,
    EARLY_COMMAND_CAPACITY,
    ERROR_TEXT_LIMIT,
    ERROR_TEXT_OFFSET,
    EVENT_BYTES,
    EVENT_CAPACITY,
    FRAME_CAPACITY,
    LONG_PLANS_SINCE,
    MAGIC,
    PAGE,
    SLOT_BYTES,
    USUAL_LIVENESS_MS,
    VERSION,
    Capability,
    DeviceError,
    RegionFlag,
    RegionKind,
    Register,
    Status,
    ring_bytes,
)
from cl.hw.wire.memory import Region, create_region
from cl.hw.wire.ring import EventWriter, FrameWriter, write_ring_header
from cl.hw.wire.stim_ring import StimWriter
from cl.hw.wire.transport import RegionInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.designs import StimDesign

CAPABILITIES: Final = Capability.SPIKES | Capability.STIMULATION | Capability.MODERATION
FRAME_BYTES: Final = 2 * CHANNEL_COUNT
_NEEDED: Final[dict[int, Capability]] = {
    RegionKind.SPIKES: Capability.SPIKES,
    RegionKind.STIMS: Capability.STIMULATION,
    RegionKind.STIM_DESIGNS: Capability.STIMULATION,
}
_SINCE: Final[dict[int, tuple[int, int]]] = {RegionKind.STIM_DESIGNS: DESIGNS_SINCE}


def is_for(kind: int, version: tuple[int, int], capabilities: Capability) -> bool:
    """Return whether a client that has agreed on these gets a region."""
    return _NEEDED.get(kind, capabilities) in capabilities and version >= _SINCE.get(kind, version)


class Handout:
    """Regions to hand over to clients, with the descriptors that stand for them."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self.infos: list[RegionInfo] = []
        self.fds: list[int] = []

    def add_region(self, kind: RegionKind, size: int, client_writes: bool) -> Region:
        """Make a region, all zero."""
        fd, region = create_region(f"cl-{kind.name.lower()}", size, client_writes)
        self._held.callback(region.close)
        flags = RegionFlag.READ | (RegionFlag.WRITE if client_writes else RegionFlag(0))
        self.add(RegionInfo(kind, flags, size), fd)
        return region

    def add(self, info: RegionInfo, fd: int) -> None:
        """Take over a descriptor."""
        self._held.callback(os.close, fd)
        self.infos.append(info)
        self.fds.append(fd)

    def close(self) -> None:
        """Unmap the regions and close the descriptors; clients keep their own."""
        self._held.close()


class DeviceMemory:
    """The registers, and the rings of frames, spikes and stims. One process writes them."""

    def __init__(
        self,
        first_frame: int,
        uV_per_sample_unit: float,
        moderation: int,
        liveness_ms: int = USUAL_LIVENESS_MS,
    ) -> None:
        self.shared = Handout()
        add = self.shared.add_region
        self.registers = add(RegionKind.REGISTERS, PAGE, False)
        self._rings = [
            add(RegionKind.FRAMES, ring_bytes(FRAME_BYTES, FRAME_CAPACITY), False),
            add(RegionKind.SPIKES, ring_bytes(EVENT_BYTES, EVENT_CAPACITY), False),
            add(RegionKind.STIMS, ring_bytes(EVENT_BYTES, EVENT_CAPACITY), False),
            add(RegionKind.STIM_DESIGNS, ring_bytes(DESIGN_BYTES, EVENT_CAPACITY), False),
        ]
        frames, spikes, stims, designs = self._rings
        self.frames = FrameWriter(frames, CHANNEL_COUNT, FRAME_CAPACITY, first_frame)
        self.spikes = EventWriter(spikes, EVENT_CAPACITY)
        self.stims = StimWriter(stims, designs, EVENT_CAPACITY)
        self.words = self.registers.words
        self._write_identity(first_frame, uV_per_sample_unit, moderation)
        self.words[Register.LIVENESS_MS] = liveness_ms
        self.words[Register.MAGIC] = MAGIC

    def _write_identity(self, first_frame: int, unit: float, moderation: int) -> None:
        words = self.words
        words[Register.VERSION] = VERSION
        words[Register.CAPABILITIES] = CAPABILITIES
        words[Register.CHANNELS] = CHANNEL_COUNT
        words[Register.FRAME_RATE] = FRAMES_PER_SECOND
        words[Register.STEP_RATE] = FRAMES_PER_SECOND * STEPS_PER_FRAME
        words[Register.UV_PER_UNIT] = struct.unpack("=Q", struct.pack("=d", unit))[0]
        words[Register.FIRST_FRAME] = first_frame
        words[Register.BOOT_ID] = secrets.randbits(63)
        words[Register.MODERATION] = moderation
        words[Register.STATUS] = Status.STOPPED

    @property
    def posted(self) -> int:
        """The timestamp after the newest frame posted."""
        return self.frames.posted

    @property
    def moderation(self) -> int:
        """Frames from one data interrupt to the next."""
        return self.words[Register.MODERATION]

    @property
    def running(self) -> bool:
        """Whether frames are coming."""
        return self.words[Register.STATUS] == Status.RUNNING

    def beat(self) -> None:
        """Show a sign of life."""
        self.words[Register.LIVENESS] += 1

    def post(
        self,
        stop: int,
        spikes: tuple[Sequence[int], Sequence[int]],
        stims: tuple[Sequence[int], Sequence[int], Sequence[StimDesign | None]],
    ) -> None:
        """Post everything before `stop`: the events first, since the frame counter vouches for them."""
        if spikes[0]:
            self.spikes.post(*spikes)
        if stims[0]:
            self.stims.post(*stims)
        self.frames.post(stop)

    def fail(self, text: str) -> None:
        """Enter the failed state, with what there is to say about it."""
        self.set_error(DeviceError.FATAL, text)
        self.words[Register.STATUS] = Status.FAILED

    def set_error(self, code: DeviceError, text: str) -> None:
        """Show an error: the text first, since the code vouches for it."""
        data = text.encode()[-ERROR_TEXT_LIMIT:]
        self.registers.view(ERROR_TEXT_OFFSET, len(data))[:] = data
        self.words[Register.ERROR_TEXT_BYTES] = len(data)
        self.words[Register.ERROR] = code

    def close(self) -> None:
        """Give the memory back; clients that still look keep what they see."""
        self.frames.close()
        self.spikes.close()
        self.stims.close()
        self.shared.close()


class ControlRings:
    """The rings that come with control. Every controller gets fresh ones."""

    def __init__(self, doorbell: int, version: tuple[int, int]) -> None:
        """Make them for a controller that agreed on `version`.

        `doorbell` is the eventfd that the controller is to ring; a copy of it is handed out.
        """
        self.handout = Handout()
        capacity = COMMAND_CAPACITY if version >= LONG_PLANS_SINCE else EARLY_COMMAND_CAPACITY
        self.commands = self.handout.add_region(RegionKind.COMMANDS, ring_bytes(SLOT_BYTES, capacity), True)
        self.completions = self.handout.add_region(
            RegionKind.COMPLETIONS, ring_bytes(COMPLETION_BYTES, COMPLETION_CAPACITY), False
        )
        write_ring_header(self.commands, SLOT_BYTES, capacity)
        write_ring_header(self.completions, COMPLETION_BYTES, COMPLETION_CAPACITY)
        self.handout.add(RegionInfo(RegionKind.DOORBELL, RegionFlag.WRITE, 0), os.dup(doorbell))

    def close(self) -> None:
        """Give the memory back."""
        self.handout.close()
