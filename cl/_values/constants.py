"""The numbers of the device."""

from __future__ import annotations

from typing import Final

CHANNEL_COUNT: Final = 64
GROUNDED: Final = (0, 7, 56, 63)
"""Channels without an electrode: always exactly zero, and a stim on them is skipped."""
REFERENCE: Final = 4
"""The reference channel: quieter, never a spike."""
FRAMES_PER_SECOND: Final = 25_000
FRAME_NS: Final = 40_000
"""One frame in nanoseconds."""
STEPS_PER_FRAME: Final = 2
"""The stimulator runs at 50 kHz: a step is half a frame."""
NOTICE_FRAMES: Final = 3
"""Within so many frames of a command on an idle channel its first pulse begins: 80 µs of notice."""
HISTORY_FRAMES: Final = 131_072
"""Frames that stay readable: 5.24 s, the contract's 5 s and some slack."""
SPARE_FRAMES: Final = FRAMES_PER_SECOND
"""Frames that are held beyond these: a recording that begins with the oldest has yet to be written."""
NEVER: Final = 1 << 62
"""A timestamp that no experiment reaches."""
