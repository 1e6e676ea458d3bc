"""`NeuronsPolicy`: neurons as the agent in a task of discrete actions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
from gymnasium import spaces

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.numbers import real, whole
from cl.app.embodiment import Feedback, PlaceRateEncoder, RegionDecoder, motor_regions
from cl.stim import StimDesign

if TYPE_CHECKING:
    import gymnasium

    from cl.loop import LoopTick
    from cl.neurons import Neurons

SENSORY: Final = tuple(range(8, 32))
"""Three columns of the array, those beside the motor regions."""
_MOST_VALUES: Final = len(SENSORY) // 2
Kind = Literal["stimulus", "silent", "none"]
KINDS: Final = get_args(Kind)
"""What follows an outcome."""
Telling = Sequence[tuple[float, float]]
"""A place and a magnitude, both 0 to 1, for each group of sensory channels."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that has been played."""

    total: float
    """The sum of its rewards."""
    steps: int
    terminated: bool
    """Whether the task ended it; else it was cut off (truncated)."""


class NeuronsPolicy:
    """Neurons as the agent in a Gymnasium task whose actions are `Discrete`, of up to 12.

    The scheme is that of the bundled *pong* (`cl.app.embodiment`, after Kagan et al. 2022): the observation
    is told by place and rate, the action read from the most active of as many motor regions, the outcome
    answered by feedback. Each value of an observation has a group of sensory channels, 24 among all of them:
    its place in the group is its place between its bounds (v / (1 + |v|) where it has none), its rate rises
    with the distance from their middle. `encode(observation)` says otherwise: a (place, magnitude) for each
    of `groups`.

    An action takes `ticks_per_action` ticks, of `ticks_per_second`; where no region leads it is the last one
    again. `outcome(reward, terminated, truncated)` returns True where it went well, False where it did not,
    else None: by default an episode that is terminated went wrong (a pole that has fallen), one that is cut
    off went well. `feedback` is as in *pong*: "stimulus", a good outcome is followed by a stimulus that is
    always the same, a bad one by one that cannot be foreseen, of `unpredictable_s` seconds, with the design
    `surprise`, and a rest; "silent", a bad one by as long a pause; "none", nothing, for controls. `seed` is
    that of the feedback. Designs are `StimDesign`, or x for StimDesign(160, -x, 160, x).
    """

    def __init__(
        self,
        neurons: Neurons,
        env: gymnasium.Env[Any, Any],
        *,
        encode: Callable[[Any], Telling] | None = None,
        groups: Sequence[Sequence[int]] | None = None,
        regions: Sequence[Sequence[int]] | None = None,
        outcome: Callable[[float, bool, bool], bool | None] | None = None,
        design: StimDesign | float = 1.0,
        surprise: StimDesign | float = 2.0,
        ticks_per_second: int = 100,
        ticks_per_action: int = 5,
        feedback: Kind = "stimulus",
        unpredictable_s: float = 4.0,
        rest_s: float = 4.0,
        seed: int = 0,
    ) -> None:
        actions = env.action_space
        if not isinstance(actions, spaces.Discrete):
            raise TypeError(f"the task's actions are {actions}: neurons choose among Discrete ones")
        self.env = env
        self._neurons = neurons
        self._first = int(actions.start)
        self._decoder = RegionDecoder(motor_regions(int(actions.n)) if regions is None else regions)
        if len(self._decoder.regions) != actions.n:
            raise ValueError(f"there are {actions.n} actions, but {len(self._decoder.regions)} regions")
        if feedback not in KINDS:
            raise ValueError(f"feedback must be one of {', '.join(KINDS)}, not {feedback!r}")
        self._tell, values = (encode, None) if encode is not None else _telling(env.observation_space)
        self._encoders = [PlaceRateEncoder(group) for group in _groups(groups, values)]
        self._outcome = outcome or _falls
        self._design = _stim_design(design)
        self._surprise = _stim_design(surprise)
        self._rest_s = real(rest_s, "rest_s")
        self._ticks = whole(ticks_per_action, "ticks_per_action", 1)
        rate = whole(ticks_per_second, "ticks_per_second", 1, FRAMES_PER_SECOND)
        self._seconds = FRAMES_PER_SECOND // rate / FRAMES_PER_SECOND
        self._loop: Iterator[LoopTick] = iter(neurons.loop(rate, ignore_jitter=True))
        channels = [channel for encoder in self._encoders for channel in encoder.channels]
        self._feedback = Feedback(random.Random(seed), channels, unpredictable_s=unpredictable_s)
        self._kind: Kind = feedback
        self._choice = 0

    def act(self, observation: Any) -> int:
        """Tell the neurons what is observed, for as long as an action takes, and return what they choose."""
        telling = self._tell(observation)
        if len(telling) != len(self._encoders):
            raise ValueError(
                f"encode gave {len(telling)} places, for {len(self._encoders)} groups of channels"
            )
        for _ in range(self._ticks):
            for encoder, (place, magnitude) in zip(self._encoders, telling, strict=True):
                channel = encoder.step(self._seconds, place, magnitude)
                if channel is not None:
                    self._neurons.stim(channel, self._design)
            self._pass_tick()
        choice = self._decoder.choice()
        self._choice = self._choice if choice is None else choice
        return self._first + self._choice

    def answer(self, reward: float, terminated: bool, truncated: bool) -> bool | None:
        """Give the neurons the feedback that follows an outcome, and return which that was."""
        went_well = self._outcome(reward, terminated, truncated)
        if self._kind == "none" or went_well is None:
            return went_well
        if went_well:
            self._reward()
        else:
            self._surprise_them()
        return went_well

    def _reward(self) -> None:
        """Give the stimulus that is always the same."""
        feedback = self._feedback
        if self._kind == "stimulus":
            self._neurons.stim(feedback.channel_set, self._design, feedback.burst)
            for _ in range(math.ceil(feedback.burst.burst_count / feedback.burst.burst_hz / self._seconds)):
                self._pass_tick()

    def _surprise_them(self) -> None:
        """Give the stimulus that nobody can foresee, or the pause in its place, and rest."""
        feedback = self._feedback
        if self._kind == "stimulus":
            feedback.begin()
        for _ in range(round((feedback.unpredictable_s + self._rest_s) / self._seconds)):
            for channel in feedback.step(self._seconds):
                self._neurons.stim(channel, self._surprise)
            self._pass_tick()

    def play(self, episodes: int, seed: int | None = None) -> list[Episode]:
        """Play episodes of the task, the first one from a reset with this seed, and return how they went."""
        whole(episodes, "episodes", 1)
        return [self._play(seed if number == 0 else None) for number in range(episodes)]

    def close(self) -> None:
        """Let device time go on without the neurons' task. The device stays open."""
        self._loop.close()  # type: ignore[attr-defined]

    def __enter__(self) -> NeuronsPolicy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _play(self, seed: int | None) -> Episode:
        observation, _ = self.env.reset(seed=seed)
        total, steps = 0.0, 0
        while True:
            observation, reward, terminated, truncated, _ = self.env.step(self.act(observation))
            total += float(reward)
            steps += 1
            self.answer(float(reward), terminated, truncated)
            if terminated or truncated:
                return Episode(total, steps, terminated)

    def _pass_tick(self) -> None:
        self._decoder.update(next(self._loop).analysis.spikes, self._seconds)


def _stim_design(design: StimDesign | float) -> StimDesign:
    return design if isinstance(design, StimDesign) else StimDesign(160, -design, 160, design)


def _falls(reward: float, terminated: bool, truncated: bool) -> bool | None:
    return False if terminated else True if truncated else None


def _telling(space: spaces.Space[Any]) -> tuple[Callable[[Any], Telling], int]:
    """Return what tells an observation of a space, and how many values it has; TypeError for others."""
    if isinstance(space, spaces.Discrete):
        most = max(int(space.n) - 1, 1)
        return lambda observation: [((int(observation) - int(space.start)) / most, 0.5)], 1
    if not isinstance(space, spaces.Box):
        raise TypeError(f"the task's observations are {space}: give encode, which gives places and rates")
    low, high = space.low.ravel().astype(float), space.high.ravel().astype(float)
    if len(low) > _MOST_VALUES:
        raise ValueError(f"an observation has {len(low)} values, of {_MOST_VALUES} at most: give encode")
    bounded = np.isfinite(low) & np.isfinite(high) & (high - low < 1e30)
    width = np.where(bounded, high - low, 1.0)

    def tell(observation: Any) -> Telling:
        values = np.asarray(observation, float).ravel()
        inside = (values - np.where(bounded, low, 0.0)) / np.where(width > 0, width, 1.0)
        places = np.where(bounded, inside, 0.5 + 0.5 * values / (1.0 + np.abs(values)))
        return [(float(place), abs(2.0 * float(place) - 1.0)) for place in places]

    return tell, len(low)


def _groups(groups: Sequence[Sequence[int]] | None, values: int | None) -> Sequence[Sequence[int]]:
    if groups is not None:
        return groups
    if values is None:
        raise ValueError("encode needs groups: the sensory channels of each place that it gives")
    size = len(SENSORY) // values
    return [SENSORY[at * size : (at + 1) * size] for at in range(values)]
