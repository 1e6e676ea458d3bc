"""What the file of a recording says of itself from its beginning, and which parts it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import hdf5, layout
from .attributes import pickled, plain_dict
from .git_state import git_state

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingHeader:
    """The root attributes of a recording but those of its end, and its parts.

    `system` has `hostname project_id cell_batch_id`; `directory` is where the program runs, whose git
    state is noted; `created` None is now. `simulation` is what makes a simulator's run again, None on
    a device.
    """

    channel_count: int = 64
    frames_per_second: int = 25_000
    uV_per_sample_unit: float = 0.195
    start_timestamp: int = 0
    application: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    simulation: Mapping[str, Any] | None = None
    file_version: str = "SDK"
    include_spikes: bool = True
    include_stims: bool = True
    include_raw_samples: bool = True
    include_data_streams: bool = True
    include_clock: bool = False
    """Whether there is a table that relates frames to the host's clocks."""
    include_log: bool = False
    """Whether there is a table of commands and of all else that happens (`/log`, `/log_data`)."""
    compression: int = 0
    """At which level of zlib's the samples are deflated, 1 to 9; 0: they are stored as they are."""
    culture: Mapping[str, Any] | None = None
    """What is known of the culture in the dish."""
    part: Mapping[str, Any] | None = None
    """Which of the files of a recording it is; None for a recording in one file."""
    sync_seconds: float = 0.0
    """What is older is on the disk, also after a power cut; 0: that is not provided for."""
    created: datetime | None = None
    directory: str | os.PathLike[str] = "."
    git: Mapping[str, str] | None = None
    """`git_hash git_branch git_tags git_status` of another recording, instead of those of `directory`."""

    def attributes(self) -> list[hdf5.Attribute]:
        """Return the root's attributes; TypeError or ValueError for what no file can hold."""
        rate, start = self.frames_per_second, self.start_timestamp
        synced = [hdf5.number("sync_seconds", self.sync_seconds, "<f8")] if self.sync_seconds else []
        return [
            *layout.group_attributes(is_root=True),
            pickled("application", plain_dict(self.application)),
            *layout.identity(self.system),
            *layout.times("created", self.created or datetime.now(UTC)),
            *layout.times("ended", None),
            *(hdf5.text(name, value) for name, value in self._git().items()),
            *(pickled(name, plain_dict(said)) for name, said in self._optional() if said is not None),
            *synced,
            *layout.signal(self.channel_count, rate, self.uV_per_sample_unit, start),
            *layout.duration(start, 0, rate),
            pickled("file_format", {"version": self.file_version, layout.RELATIVE: True}),
        ]

    def _optional(self) -> list[tuple[str, Mapping[str, Any] | None]]:
        return [("simulation", self.simulation), ("culture", self.culture), ("part", self.part)]

    def _git(self) -> Mapping[str, str]:
        return git_state(Path(self.directory)) if self.git is None else self.git
