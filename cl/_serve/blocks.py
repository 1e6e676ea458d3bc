"""The bodies of DATA: made once for all who are owed the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cl.net.wire.data import Events, pack_data
from cl.net.wire.layout import Wanted

if TYPE_CHECKING:
    from cl._core.engine import Engine

_KEPT: Final = 8


class Blocks:
    """Looks up what happened in some frames. For the event loop's thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: OrderedDict[tuple[int, int, Wanted], bytes] = OrderedDict()

    def body(self, start: int, stop: int, wanted: Wanted) -> bytes:
        """Return the body of DATA of [start, stop); ValueError or LaggedError where it is there no more."""
        key = start, stop, wanted
        body = self._made.get(key)
        if body is None:
            self._made[key] = body = self._make(start, stop, wanted)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return body

    def _make(self, start: int, stop: int, wanted: Wanted) -> bytes:
        engine = self._engine
        frames = engine.device.acquisition.frames(start, stop) if Wanted.FRAMES in wanted else None
        if Wanted.EVENTS not in wanted:
            return pack_data(start, stop, frames)
        spikes = engine.history.spikes.window(start, stop)
        stims = engine.history.stims.window(start, stop)
        if not spikes and not stims:
            return pack_data(start, stop, frames)
        return pack_data(
            *(start, stop, frames),
            Events([each.timestamp for each in spikes], [each.channel for each in spikes]),
            Events([each.timestamp for each in stims], [each.channel for each in stims]),
            [each.design for each in stims],
        )
