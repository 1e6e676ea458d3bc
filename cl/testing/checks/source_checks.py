"""Checks of a data source: it is opened as programs open it, several times, and compared with itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from cl._session import open as open_device
from cl.error import DeviceDisconnectedError
from cl.sim import LiveSimulatorDataSource, Simulator, SimulatorDataSource

from .report import CheckReport, Checks, NotApplicable, demand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from cl.events import Spike
    from cl.sim import SimulatorDataSourceMetadata

_FRAMES: Final = 3_000
_STIM_AT: Final = 1_000
_CHUNKS: Final = (1, 7, 250, 1_242, 1_500)
_LONGEST: Final = 250_000
"""A source that ends later is not played to its end."""
_PATIENCE_S: Final = 2.0
"""How long threads of a source may take to end, once it is closed."""


def check_data_source(
    factory: Callable[..., Any] | str, config: Mapping[str, Any] | None = None
) -> CheckReport:
    """Check a data source of one's own, pulled or live: what its factory, `factory(**config)`, makes.

    It is opened a dozen times, mostly for 3 000 frames: whether it plays, gives the same data again and in
    windows of any size, answers to stims causally, begins and ends where its metadata say, and leaves
    nothing behind. Returns the report; `CheckFailedError`, an AssertionError whose text is the report, names
    what is broken. A source that cannot be accelerated is checked in wall-clock time, in what can be there.
    """
    return _SourceChecks(factory, dict(config or {})).run()


class _Played(NamedTuple):
    """What a program sees of a source."""

    start: int
    frames: NDArray[np.int16]
    spikes: list[tuple[int, int]]

    def first_difference(self, other: _Played) -> str | None:
        """Return where two differ, as far as both go."""
        count = min(len(self.frames), len(other.frames))
        rows = np.flatnonzero((self.frames[:count] != other.frames[:count]).any(axis=1))
        if self.start != other.start:
            return f"it began at {self.start}, and at {other.start}"
        if len(rows):
            return f"the frames differ from {self.start + int(rows[0])} on"
        stop = self.start + count
        mine, theirs = ([s for s in spikes if s[0] < stop] for spikes in (self.spikes, other.spikes))
        for one, two in zip(mine, theirs, strict=False):
            if one != two:
                return f"a spike (timestamp, channel) is {one}, and {two}"
        return None if len(mine) == len(theirs) else f"there are {len(mine)} spikes, and {len(theirs)}"


class _SourceChecks:
    def __init__(self, factory: Callable[..., Any] | str, config: dict[str, Any]) -> None:
        self._factory = factory
        self._config = config
        self._checks = Checks(f"data source {getattr(factory, '__qualname__', factory)}")
        self._metadata: SimulatorDataSourceMetadata | None = None
        self._is_live = False
        self._first: _Played | None = None

    def run(self) -> CheckReport:
        run = self._checks.run
        if run("factory", "factory(**config) makes a source with metadata", self._makes_a_source) and run(
            "plays", "it can be opened and read, with spikes within their windows", self._plays
        ):
            run("start", "it begins at start_timestamp", self._starts)
            run("repeats", "the same configuration gives the same data again", self._repeats)
            run("windows", "the size of windows does not change the data", self._windows)
            run("answers again", "a window that is asked for again is the same", self._answers_again)
            run("stims", "it takes stims, and nothing before a stim changes", self._stims)
            run("stims repeat", "the same stims give the same data again", self._stims_repeat)
            run("end", "it has as many frames as duration_frames says", self._ends)
        if self._metadata is not None:
            run("closes", "closing leaves no thread behind", self._closes)
        return self._checks.done()

    @property
    def _accelerated(self) -> bool:
        metadata = self._metadata
        assert metadata is not None
        return metadata.supports_accelerated and not metadata.realtime_only

    def _make(self) -> Any:
        from cl.sim.user.factory_path import imported

        factory: Any = imported(self._factory, "factory") if isinstance(self._factory, str) else self._factory
        return factory(**self._config)

    def _simulator(self) -> Simulator:
        return Simulator(
            self._factory, config=self._config, accelerated=self._accelerated, visualisation=False
        )

    def _play(
        self, chunks: Sequence[int] = (_FRAMES,), stims: Sequence[int] = (), each: Any = None
    ) -> _Played:
        """Open it, and read so many frames after one another; stimulate channels after the first of them."""
        parts, spikes = [], []
        with open_device(device=self._simulator()) as neurons:
            at = start = neurons._engine.start
            for number, count in enumerate(chunks):
                if number == 1:
                    for channel in stims:
                        neurons.stim(channel, 1.0)
                parts.append(neurons.read(count, at))
                found = neurons.read(count, at, analysis=True).spikes
                at += count
                spikes += [(spike.timestamp, spike.channel) for spike in found]
                if each is not None:
                    each(found)
        return _Played(start, np.concatenate(parts), spikes)

    def _needs_acceleration(self) -> None:
        if not self._accelerated:
            raise NotApplicable("it cannot be accelerated: no two runs need be the same")

    # -- the checks ---------------------------------------------------------------------------

    def _makes_a_source(self) -> None:
        source = self._make()
        self._is_live = isinstance(source, LiveSimulatorDataSource)
        is_source = self._is_live or isinstance(source, SimulatorDataSource)
        demand(is_source, f"it made {type(source).__name__}, no SimulatorDataSource")
        metadata = source.metadata
        demand(metadata == source.metadata, "its metadata change from look to look")
        if self._is_live and source.supports_accelerated != metadata.supports_accelerated:
            from dataclasses import replace

            metadata = replace(metadata, supports_accelerated=source.supports_accelerated)
        self._metadata = metadata

    def _plays(self) -> None:
        def look(spikes: Sequence[Spike]) -> None:
            for spike in spikes[:3]:
                samples = spike.samples
                demand(samples.shape == (75,) and bool(np.isfinite(samples).all()), f"samples of {spike}")

        self._first = self._play((1_000, _FRAMES - 1_000), each=look)

    def _starts(self) -> None:
        assert self._metadata is not None and self._first is not None
        wanted = self._metadata.start_timestamp
        demand(self._first.start == wanted, f"it began at {self._first.start}, not at {wanted}")

    def _same(self, other: _Played) -> None:
        assert self._first is not None
        found = self._first.first_difference(other)
        demand(found is None, str(found))

    def _repeats(self) -> None:
        self._needs_acceleration()
        self._same(self._play())

    def _windows(self) -> None:
        self._needs_acceleration()
        self._same(self._play(_CHUNKS))
        self._same(self._play([30] * (_FRAMES // 30)))

    def _answers_again(self) -> None:
        if self._is_live:
            raise NotApplicable("it is live: it is not asked")
        assert self._metadata is not None
        if self._metadata.own_thread:
            raise NotApplicable("it has a thread of its own, where nothing interrupts it")
        source, start = self._make(), self._metadata.start_timestamp
        source.open()
        try:
            one, two = (self._answer(source, start) for _ in range(2))
            found = one.first_difference(two)
            demand(found is None, f"{found}: a Ctrl-C may come while it is asked (own_thread has it spared)")
        finally:
            source.close()

    def _answer(self, source: Any, start: int) -> _Played:
        from cl.sim.user.checks import checked_batch

        frames, times, channels, _ = checked_batch(source.read(start, 500), start, start + 500)
        return _Played(start, frames, list(zip(times, channels, strict=True)))

    def _stims(self) -> None:
        self._needs_acceleration()
        assert self._first is not None
        self._stimulated = self._play((_STIM_AT, _FRAMES - _STIM_AT), (9, 20))
        frames, spikes = self._stimulated.frames[:_STIM_AT], self._stimulated.spikes
        before = _Played(self._stimulated.start, frames, spikes)
        self._same(before)

    def _stims_repeat(self) -> None:
        self._needs_acceleration()
        found = self._play((_STIM_AT, _FRAMES - _STIM_AT), (9, 20)).first_difference(self._stimulated)
        demand(found is None, str(found))

    def _ends(self) -> None:
        assert self._metadata is not None and self._first is not None
        duration = self._metadata.duration_frames
        if duration is None or duration > _LONGEST:
            raise NotApplicable("it has no end" if duration is None else "its end is far away")
        self._needs_acceleration()
        try:
            played = self._play((duration, 100))
        except DeviceDisconnectedError as error:
            demand("end" in str(error), str(error))
            demand(not self._metadata.seekable, f"it is seekable, and does not begin anew: {error}")
            self._play((duration,))
            return
        demand(
            bool((played.frames[duration:] == played.frames[:100]).all()),
            "it is played on behind its end with other data than its beginning",
        )

    def _closes(self) -> None:
        before = set(threading.enumerate())
        with open_device(device=self._simulator()) as neurons:
            neurons.read(10)
        for thread in set(threading.enumerate()) - before:
            thread.join(_PATIENCE_S)
            demand(not thread.is_alive(), f"the thread {thread.name!r} goes on")
