"""`CultureEnv`: a culture as the environment of an agent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded

from cl._session.opening import opened
from cl._session.targets import target_of
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.numbers import whole
from cl.sim import Simulator

from .picture import picture
from .step import Step
from .stimulation import CHANNELS, Stimulation

if TYPE_CHECKING:
    from cl.loop import LoopTick
    from cl.neurons import Neurons
    from cl.stim import StimDesign

CULTURE: Final = "cl.sim.culture:create"
_SEEDS: Final = 1 << 31
_SHOWN_STEPS: Final = 200
"""How far back a picture goes."""


class CultureEnv(gymnasium.Env[Any, Any]):
    """A culture, as the environment of an agent that stimulates it and sees its spikes.

    An action is taken at a moment of device time; then `ticks_per_step` ticks pass, of `ticks_per_second`,
    and what came in them is observed. By default actions are 0, nothing, and a stim of each of `designs` on
    each of `channels` (`Stimulation`); with an `action_space`, `decode(neurons, action)` does what an action
    stands for. Observations are the spikes of each channel, int32 (64,), or, with an `observation_space`,
    what `encode(step)` makes of a `Step`. The reward is `reward(step)`, by default the number of spikes; the
    episode ends where `terminated(step)` is true. `gymnasium.make("cl/Culture-v0")` ends it after 1 000
    steps, too.

    Each environment has a dish of its own, opened at the first reset, in accelerated time: `source` and
    `config` as in `cl.sim.Simulator`, with the seed of `reset(seed=...)`, which puts a new dish in. A reset
    without a seed goes on with the one that is there, as it is. `open(seed)` opens another device instead: a
    context manager of `Neurons`, such as `lambda seed: cl.open()`; there a seed changes only what is drawn
    here.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(
        self,
        *,
        source: Any = CULTURE,
        config: Mapping[str, Any] | None = None,
        open: Callable[[int], AbstractContextManager[Neurons]] | None = None,
        channels: Sequence[int] = CHANNELS,
        designs: Sequence[StimDesign | float] = (1.0,),
        ticks_per_second: int = 100,
        ticks_per_step: int = 1,
        action_space: spaces.Space[Any] | None = None,
        decode: Callable[[Neurons, Any], None] | None = None,
        observation_space: spaces.Space[Any] | None = None,
        encode: Callable[[Step], Any] | None = None,
        reward: Callable[[Step], float] | None = None,
        terminated: Callable[[Step], bool] | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._ticks = whole(ticks_per_step, "ticks_per_step", 1)
        self._rate = whole(ticks_per_second, "ticks_per_second", 1, FRAMES_PER_SECOND)
        self._open = open or _opener(source, config)
        self._stimulate, self.action_space = _actions(action_space, decode, channels, designs)
        self._encode, self.observation_space = _observations(
            observation_space, encode, self._ticks * (FRAMES_PER_SECOND // self._rate)
        )
        self._reward = reward
        self._terminated = terminated
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}")
        self.render_mode = render_mode
        self._device: AbstractContextManager[Neurons] | None = None
        self._neurons: Neurons | None = None
        self._loop: Iterator[LoopTick] | None = None
        self._number = self._now = 0
        self._seen: deque[Step] = deque(maxlen=_SHOWN_STEPS)

    @property
    def neurons(self) -> Neurons:
        """The open device, for recordings and the like; ResetNeeded before the first reset."""
        if self._neurons is None:
            raise ResetNeeded("the device is open from the first reset() on, until close()")
        return self._neurons

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, in a new dish where a seed is given. Observe for a step, without an action."""
        super().reset(seed=seed)
        if seed is not None or self._neurons is None:
            self._begin(int(self.np_random.integers(_SEEDS)) if seed is None else seed)
        self._number = -1
        step = self._advance(None)
        return self._observed(step), self._info(step)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action, and let a step of device time pass. InvalidAction for one that there is not."""
        if not self.action_space.contains(action):
            raise InvalidAction(f"{action!r} is no action of {self.action_space}")
        self._stimulate(self.neurons, action)
        step = self._advance(action)
        observation = self._observed(step)
        reward = float(len(step.spikes) if self._reward is None else self._reward(step))
        ended = self._terminated is not None and bool(self._terminated(step))
        return observation, reward, ended, False, self._info(step)

    def render(self) -> Any:
        """Return the last steps as a picture: the map of the array and a raster, uint8 (height, width, 3)."""
        return picture(self._seen, _SHOWN_STEPS) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the device. Again: nothing."""
        loop, device = self._loop, self._device
        self._loop = self._device = self._neurons = None
        if loop is not None:
            loop.close()  # type: ignore[attr-defined]
        if device is not None:
            device.__exit__(None, None, None)

    def _begin(self, seed: int) -> None:
        self.close()
        device = self._open(seed)
        self._neurons = device.__enter__()
        self._device = device
        self._loop = iter(self._neurons.loop(self._rate, ignore_jitter=True))
        self._now = next(self._loop).iteration_timestamp
        self._seen.clear()

    def _advance(self, action: Any) -> Step:
        """Let a step of time pass, and return what happened in it."""
        loop = self._loop
        assert loop is not None
        start, spikes, stims = self._now, [], []
        for _ in range(self._ticks):
            analysis = next(loop).analysis
            spikes += analysis.spikes
            stims += analysis.stims
        self._now = stop = analysis.stop_timestamp
        self._number += 1
        counts = np.zeros(CHANNEL_COUNT, np.int32)
        for spike in spikes:
            counts[spike.channel] += 1
        step = Step(self._number, action, start, stop, spikes, stims, counts)
        if self.render_mode is not None:
            self._seen.append(step)
        return step

    def _observed(self, step: Step) -> Any:
        return step.counts if self._encode is None else self._encode(step)

    @staticmethod
    def _info(step: Step) -> dict[str, Any]:
        return {"timestamp": step.stop_timestamp, "spikes": len(step.spikes), "stims": len(step.stims)}


def _opener(
    source: Any, config: Mapping[str, Any] | None
) -> Callable[[int], AbstractContextManager[Neurons]]:
    Simulator(source, config=config)  # raises at once for what is wrong

    def open(seed: int) -> AbstractContextManager[Neurons]:
        target = target_of(Simulator(source, config=config, seed=seed, accelerated=True))
        # It is open for as long as an agent learns: the garbage collector is not to rest meanwhile.
        return opened(lambda: target, disable_gc=False)

    return open


def _actions(
    space: spaces.Space[Any] | None,
    decode: Callable[[Neurons, Any], None] | None,
    channels: Sequence[int],
    designs: Sequence[StimDesign | float],
) -> tuple[Callable[[Neurons, Any], None], spaces.Space[Any]]:
    if (space is None) != (decode is None):
        raise ValueError("action_space and decode go together: an action, and what it does")
    if space is not None and decode is not None:
        return decode, space
    stimulation = Stimulation(channels, designs)
    return stimulation, spaces.Discrete(len(stimulation))


def _observations(
    space: spaces.Space[Any] | None, encode: Callable[[Step], Any] | None, frames: int
) -> tuple[Callable[[Step], Any] | None, spaces.Space[Any]]:
    if (space is None) != (encode is None):
        raise ValueError("observation_space and encode go together: what is observed, and how it is made")
    if space is not None:
        return encode, space
    return None, spaces.Box(0, frames, (CHANNEL_COUNT,), np.int32)
