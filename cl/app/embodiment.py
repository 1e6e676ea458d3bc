"""How neurons take part in a task: told by place and rate, read by regions, and answered by feedback.

The scheme of Kagan, Kitchen, Tran et al. (2022), "In vitro neurons learn and exhibit sentience when embodied
in a simulated game-world", Neuron 110(23), 3952-3969, doi:10.1016/j.neuron.2022.09.001, where cultures played
Pong:

- *Told by place and rate*: of eight sensory electrodes that one is stimulated which lies where the ball is,
  4 times a second with the ball far away, 40 times when it is at the paddle (`PlaceRateEncoder`).
- *Read by regions*: the paddle follows the more active one of two motor regions, which are interleaved, so
  that neither lies nearer to the sensory electrodes, and balanced by gains (`RegionDecoder`).
- *Feedback*: a hit is followed by a stimulus that is always the same, on all sensory electrodes at once; a
  miss by one that cannot be foreseen, at random places and times, and by a rest (`Feedback`).

There the electrodes were driven by voltages, twice as high after a miss; here designs are currents, and the
task's affair. Nothing here knows the task or a device: the bundled application *pong* is one of its users,
and a policy for any task with discrete actions (`cl.gym.NeuronsPolicy`) can be another. All of it is the same
in every run for the same spikes and the same `random.Random`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, Protocol

from cl._values.constants import CHANNEL_COUNT
from cl._values.numbers import real, whole
from cl.stim import BurstDesign, ChannelSet

SENSORY_CHANNELS: Final = tuple(range(16, 24))
"""A column of the array, from its top to its bottom."""
_ROWS: Final = 8
_MOTOR_COLUMNS: Final = (4, 5, 6)
_PAIR: Final = 2
_MOST_REGIONS: Final = len(_MOTOR_COLUMNS) * _ROWS // _PAIR
_MOST_GAIN: Final = 4.0


class _OnChannel(Protocol):
    @property
    def channel(self) -> int: ...


def motor_regions(count: int) -> list[tuple[int, ...]]:
    """Return the channels of 1 to 12 regions, interleaved over three columns away from the sensory one.

    Two of them alternate every two rows, as the published layout does.
    """
    whole(count, "count", 1, _MOST_REGIONS)
    pairs = [
        (_ROWS * column + row, _ROWS * column + row + 1)
        for column in _MOTOR_COLUMNS
        for row in range(0, _ROWS, _PAIR)
    ]
    return [tuple(chain.from_iterable(pairs[region::count])) for region in range(count)]


class PlaceRateEncoder:
    """Tells a place by which channel is stimulated, and a magnitude by how often.

    `channels` go from place 0 to place 1; magnitude 0 is `lowest_hz`, 1 is `highest_hz`. What lies outside of
    0 to 1 is taken for its nearer end.
    """

    def __init__(
        self,
        channels: Sequence[int] = SENSORY_CHANNELS,
        lowest_hz: float = 4.0,
        highest_hz: float = 40.0,
    ) -> None:
        self.channels = _checked(channels)
        self._lowest_hz = _positive(lowest_hz, "lowest_hz")
        self._highest_hz = _positive(highest_hz, "highest_hz")
        if self._highest_hz < self._lowest_hz:
            raise ValueError(f"highest_hz must be at least lowest_hz, {lowest_hz}, not {highest_hz}")
        self._phase = 0.0

    def channel(self, place: float) -> int:
        """Return the channel of a place."""
        return self.channels[min(int(_within(place) * len(self.channels)), len(self.channels) - 1)]

    def rate_hz(self, magnitude: float) -> float:
        """Return the rate of a magnitude."""
        return self._lowest_hz + (self._highest_hz - self._lowest_hz) * _within(magnitude)

    def step(self, seconds: float, place: float, magnitude: float) -> int | None:
        """Let a tick of so many seconds pass; return the channel to stimulate in it, if any.

        At most one pulse a tick: the tick rate bounds the rate of pulses.
        """
        channel = self.channel(place)
        self._phase += self.rate_hz(magnitude) * seconds
        if self._phase < 1.0:
            return None
        self._phase %= 1.0
        return channel


class RegionDecoder:
    """Reads a choice: the number of the region that has been most active of late.

    Activity fades with `memory_s`. Each region has a gain, the mean rate of all over its own one as it was
    over some `balance_s` (at most 4 and at least 1/4), so that a region that is always more active does not
    always win; `balance_s=None`: no gains.
    """

    def __init__(
        self, regions: Sequence[Sequence[int]], memory_s: float = 0.1, balance_s: float | None = 10.0
    ) -> None:
        self.regions = [_checked(region) for region in regions]
        if not self.regions:
            raise ValueError("there must be at least one region")
        self._region_of = {channel: n for n, region in enumerate(self.regions) for channel in region}
        if len(self._region_of) != sum(map(len, self.regions)):
            raise ValueError(f"a channel can be in one region only: {self.regions}")
        self._memory_s = _positive(memory_s, "memory_s")
        self._balance_s = None if balance_s is None else _positive(balance_s, "balance_s")
        self._recent = [0.0] * len(self.regions)
        self._usual = [0.0] * len(self.regions)

    @property
    def activity(self) -> list[float]:
        """The regions' recent activity, with their gains: spikes within the memory."""
        mean = sum(self._usual) / len(self._usual)
        if self._balance_s is None or mean == 0.0:
            return [*self._recent]
        least, most = mean / _MOST_GAIN, mean * _MOST_GAIN
        return [
            recent * mean / min(max(usual, least), most)
            for recent, usual in zip(self._recent, self._usual, strict=True)
        ]

    def update(self, spikes: Iterable[_OnChannel], seconds: float) -> None:
        """Let a tick of so many seconds pass, in which these spikes came."""
        counts = [0] * len(self.regions)
        for spike in spikes:
            region = self._region_of.get(spike.channel)
            if region is not None:
                counts[region] += 1
        self._recent = _faded(self._recent, counts, seconds / self._memory_s)
        if self._balance_s is not None:
            self._usual = _faded(self._usual, counts, seconds / self._balance_s)

    def choice(self) -> int | None:
        """Return the most active region; None where none is more active than all others."""
        activity = self.activity
        most = max(activity)
        return activity.index(most) if most > 0.0 and activity.count(most) == 1 else None


class Feedback:
    """What follows an outcome: the same stimulus each time, or one that nobody can foresee.

    The predictable one is `burst` on all `channels` at once: `neurons.stim(feedback.channel_set, design,
    feedback.burst)`. The unpredictable one, of `unpredictable_s` seconds, is given tick by tick: `begin`,
    then `step`.
    """

    def __init__(
        self,
        rng: random.Random,
        channels: Sequence[int] = SENSORY_CHANNELS,
        *,
        predictable_hz: float = 100.0,
        predictable_s: float = 0.1,
        unpredictable_hz: float = 5.0,
        unpredictable_s: float = 4.0,
    ) -> None:
        self.channels = _checked(channels)
        self.channel_set = ChannelSet(*self.channels)
        predictable_s = _positive(predictable_s, "predictable_s")
        self.burst = BurstDesign(max(1, round(predictable_s * predictable_hz)), predictable_hz)
        self._rng = rng
        self.unpredictable_s = _positive(unpredictable_s, "unpredictable_s")
        self._pulse_count = round(_positive(unpredictable_hz, "unpredictable_hz") * self.unpredictable_s)
        self._pending: list[tuple[float, int]] = []
        self._passed_s = 0.0

    def begin(self) -> None:
        """Draw times and places for an unpredictable stimulus, in the place of one that still goes on."""
        times = sorted(self._rng.uniform(0.0, self.unpredictable_s) for _ in range(self._pulse_count))
        self._pending = [(at, self._rng.choice(self.channels)) for at in reversed(times)]
        self._passed_s = 0.0

    def step(self, seconds: float) -> list[int]:
        """Let a tick of so many seconds pass; return the channels to stimulate in it, each one once."""
        self._passed_s += seconds
        due: list[int] = []
        while self._pending and self._pending[-1][0] < self._passed_s:
            channel = self._pending.pop()[1]
            if channel not in due:
                due.append(channel)
        return due


def _faded(values: list[float], counts: list[int], share: float) -> list[float]:
    kept = math.exp(-share)
    return [value * kept + count for value, count in zip(values, counts, strict=True)]


def _checked(channels: Sequence[int]) -> tuple[int, ...]:
    found = tuple(whole(channel, "a channel", 0, CHANNEL_COUNT - 1) for channel in channels)
    if not found or len(set(found)) != len(found):
        raise ValueError(f"channels must be one or more, each of them once, not {list(channels)}")
    return found


def _positive(value: float, name: str) -> float:
    found = real(value, name)
    if not (math.isfinite(found) and found > 0.0):
        raise ValueError(f"{name} must be a finite number above 0, not {value}")
    return found


def _within(value: float) -> float:
    if math.isnan(value):
        raise ValueError("a place or a magnitude is a number, not NaN")
    return min(max(value, 0.0), 1.0)
