"""One request to record, as one value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND

from .user_attributes import UserAttributes

if TYPE_CHECKING:
    from cl._core.device import DeviceInfo
    from cl._store.write.header import RecordingHeader

_SYSTEM: Final = ("hostname", "project_id", "cell_batch_id")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingPlan:
    """What `Neurons.record` was asked for, checked: the window [begin, end), the file, and its parts.

    `end` None is until it is stopped; `folder` None is the usual one; `wanted` tells which data streams are
    recorded, by name, and is None for a recording that has none.
    """

    begin: int
    end: int | None
    folder: str | os.PathLike[str] | None
    suffix: str
    application: UserAttributes
    spikes: bool
    stims: bool
    samples: bool
    wanted: Callable[[str], bool] | None
    compression: int = 0
    """zlib's level for the samples; 0: they are stored as they are."""
    frames_per_file: int | None = None
    """A new file is begun after so many; None: all is in one."""

    def wants(self, stream: str) -> bool:
        """Return whether a data stream is recorded."""
        return self.wanted is not None and self.wanted(stream)

    def header(
        self,
        info: DeviceInfo,
        has_clock: bool,
        sync_seconds: float = 0.0,
        part: Mapping[str, Any] | None = None,
    ) -> RecordingHeader:
        """Return what the file says of itself; `has_clock` for a device in the host's time or its own.

        With `sync_seconds` everything older is to be on the disk. `part` is said of one of several files.
        """
        from cl._store.write.header import RecordingHeader

        return RecordingHeader(
            channel_count=CHANNEL_COUNT,
            frames_per_second=FRAMES_PER_SECOND,
            uV_per_sample_unit=info.uV_per_sample_unit,
            start_timestamp=self.begin,
            application=self.application.current(),
            system={name: str(info.attributes.get(name, "")) for name in _SYSTEM},
            simulation=info.simulation,
            culture=info.culture,
            file_version="SDK" if info.is_simulator else "1",
            include_spikes=self.spikes,
            include_stims=self.stims,
            include_raw_samples=self.samples,
            include_data_streams=self.wanted is not None,
            include_clock=has_clock,
            include_log=True,
            compression=self.compression,
            part=part,
            sync_seconds=sync_seconds,
        )
