"""The state of a stimulator's queues, to go back to when a transaction is refused half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .queue import Channel, DeferredInterrupt, Sync, Wait

_FIELDS = ("delayed", "left", "sync", "wake")
"""What commands can change of a channel, beside its queue; they begin nothing."""


class Snapshot:
    """A copy of what commands can change; its size is that of the queues."""

    def __init__(
        self,
        channels: Sequence[Channel],
        agenda: list[int],
        syncs: set[Sync],
        waits: dict[Wait, None],
        deferred: dict[DeferredInterrupt, None],
    ) -> None:
        self._channels = [
            (channel, channel.queue.copy(), [getattr(channel, field) for field in _FIELDS])
            for channel in channels
        ]
        self._collections: list[tuple[Any, Any]] = [
            (collection, collection.copy()) for collection in (agenda, syncs, waits, deferred)
        ]
        self._syncs = [(sync, sync.missing, sync.waiting) for sync in syncs]
        planned: tuple[Wait | DeferredInterrupt, ...] = (*waits, *deferred)
        self._planned = [(entry, entry.channels) for entry in planned]

    def restore(self) -> None:
        """Make everything what it was."""
        for channel, queue, values in self._channels:
            channel.queue = queue
            for field, value in zip(_FIELDS, values, strict=True):
                setattr(channel, field, value)
        for collection, before in self._collections:
            collection.clear()
            collection.extend(before) if isinstance(collection, list) else collection.update(before)
        for sync, missing, waiting in self._syncs:
            sync.missing = missing
            sync.waiting = waiting
        for entry, channels in self._planned:
            entry.channels = channels
