"""The part of `Neurons` that an event loop waits for: the twins of what waits for a device's answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cl._stim.operations import (
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)

from .recording import RecordingMethods
from .stimulation import StimMethods

if TYPE_CHECKING:
    from cl._stim.channels import ChannelSet
    from cl._stim.designs import BurstDesign, StimDesign
    from cl.recording import Recording

R = TypeVar("R")


class AwaitedMethods(StimMethods, RecordingMethods):
    """`astim` and its kin: as the methods without the `a`, with the same arguments and errors.

    They never block the event loop, also where the device is across a network. What is decided here is
    decided at once, such as what "now" is; elsewhere a task waits for the answer.
    """

    async def astim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Queue a pulse, or a burst of them: `stim` for tasks."""
        await self._asubmit(
            stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice)
        )

    async def ainterrupt(self, channel_set: ChannelSet | int, /) -> None:
        """Drop what is queued on the channels: `interrupt` for tasks."""
        await self._asubmit(interrupt_operations(channel_set))

    async def ainterrupt_then_stim(
        self,
        channel_set: ChannelSet | int,
        stim_design: StimDesign | float,
        /,
        burst_design: BurstDesign | None = None,
        lead_time_us: int = 80,
    ) -> None:
        """Interrupt the channels and queue a new stim on them: `interrupt_then_stim` for tasks."""
        await self._asubmit(
            interrupt_then_stim_operations(channel_set, stim_design, burst_design, lead_time_us, self._advice)
        )

    async def async_(self, channel_set: ChannelSet | int, /) -> None:
        """Let each of the channels wait for the others: `sync` for tasks. (`async` is a keyword.)"""
        await self._asubmit(sync_operations(channel_set))

    async def arecord(
        self,
        file_suffix: str | None = None,
        file_location: str | os.PathLike[str] | None = None,
        from_seconds_ago: float | None = None,
        from_frames_ago: int | None = None,
        from_timestamp: int | None = None,
        stop_after_seconds: float | None = None,
        stop_after_frames: int | None = None,
        attributes: Mapping[str, Any] | None = None,
        include_spikes: bool = True,
        include_stims: bool = True,
        include_raw_samples: bool = True,
        include_data_streams: bool | Iterable[str] = True,
        exclude_data_streams: Iterable[str] = (),
        *,
        new_file_every_seconds: float | None = None,
        compression: str | None = None,
    ) -> Recording:
        """Start a recording: `record` for tasks."""
        return await self._beside(
            partial(self.record, new_file_every_seconds=new_file_every_seconds, compression=compression),
            *(file_suffix, file_location, from_seconds_ago, from_frames_ago, from_timestamp),
            *(stop_after_seconds, stop_after_frames, attributes),
            *(include_spikes, include_stims, include_raw_samples),
            *(include_data_streams, exclude_data_streams),
        )

    async def atake_control(self) -> None:
        """Take control of the device: `take_control` for tasks."""
        await self._beside(self.take_control)

    async def arelease_control(self) -> None:
        """Give control up: `release_control` for tasks."""
        await self._beside(self.release_control)

    async def arestart(self, timeout_seconds: float = 15.0, wait_until_recordable: bool = True) -> None:
        """Stop and start the device: `restart` for tasks."""
        await self._beside(self.restart, timeout_seconds, wait_until_recordable)

    async def _beside(self, function: Callable[..., R], *arguments: object) -> R:
        """Call what may wait for a disk or a device; in virtual time, here."""
        if self._engine.time.clock is None:
            return function(*arguments)
        from cl._values.offload import in_thread

        return await in_thread(function, *arguments)
