"""What the emulated electrodes see: the sources that the command line can name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cl._values.constants import CHANNEL_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from cl._core.source import FixedSource, StreamedSource

STAMP_CHANNELS: Final = 4
"""Channels that a 64-bit frame number takes, 16 bits each, the lowest first."""


class CounterSource:
    """Frames that hold their own number, and a spike every 250 frames. For finding lost frames."""

    uV_per_sample_unit = 0.195

    def __init__(self, start_timestamp: int = 0) -> None:
        self.start_timestamp = start_timestamp

    def spikes(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """Return one spike every 250 frames, on channels 8 to 55 in turn."""
        times = list(range(-(-start // 250) * 250, stop, 250))
        return times, [8 + time // 250 % 48 for time in times]

    def frames(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return frames with their number in channels 8 to 11, and zeros elsewhere."""
        import numpy as np

        frames = np.zeros((stop - start, CHANNEL_COUNT), np.int16)
        stamper(8)(start, frames)
        return frames

    def waveform(self, timestamp: int, channel: int) -> None:
        """Return None: a spike's samples are those of the frames."""

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def stamper(channel: int) -> Callable[[int, NDArray[np.int16]], None]:
    """Return what writes each frame's number into `channel` and the three after it."""

    def stamp(start: int, frames: NDArray[np.int16]) -> None:
        import numpy as np

        numbers = np.arange(start, start + len(frames), dtype="<u8")
        frames[:, channel : channel + STAMP_CHANNELS] = numbers.view("<i2").reshape(-1, STAMP_CHANNELS)

    return stamp


def read_stamps(frames: NDArray[np.int16], channel: int) -> NDArray[np.uint64]:
    """Return the numbers that `stamper` wrote: uint64 (n,)."""
    import numpy as np

    words = np.ascontiguousarray(frames[:, channel : channel + STAMP_CHANNELS])
    return words.view("<u8").reshape(-1)


def make_source(spec: str, seed: int, config: str | None = None) -> FixedSource | StreamedSource:
    """Return the source that `spec` names, not yet open.

    random, replay:PATH, culture, or module:attribute for a source of the user's own, as CL_SDK_DATA_SOURCE
    takes it, with `config` in JSON; or counter. ValueError where there is no such source.
    """
    kind, _, rest = spec.partition(":")
    if spec == "counter":
        return CounterSource()
    if spec == "random":
        from cl.sim.sources.random_source import RandomSource

        return RandomSource(seed)
    if kind == "replay" and rest:
        from cl.sim.sources.replay_source import ReplaySource

        return ReplaySource(rest, 0)
    if spec == "culture":
        return _configured("cl.sim.culture:create", {"seed": seed, **(_parsed(config) or {})})
    if kind and (rest or "." in kind):
        return _configured(spec, _parsed(config))
    raise ValueError(
        f"source is {spec!r}, it takes random, counter, culture, replay:PATH or module:attribute"
    )


def _parsed(config: str | None) -> dict[str, Any] | None:
    try:
        found = None if config is None else json.loads(config)
    except ValueError as error:
        raise ValueError(f"the source's configuration is {config!r}, it takes JSON: {error}") from None
    if found is not None and not isinstance(found, dict):
        raise ValueError(f"the source's configuration is {config!r}, it takes a JSON object")
    return found


def _configured(spec: str, config: dict[str, Any] | None) -> StreamedSource:
    from cl._core.settings import Settings
    from cl.sim.user.registry import configured_source

    source = configured_source(Settings(data_source=spec, data_source_config=config))
    assert source is not None
    return source
