"""Neurons as the agent: what they are told, how they are read, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from extras import need_extra

import cl
from cl.testing import Simulator

need_extra("gym", "gymnasium")

import gymnasium  # noqa: E402
from gymnasium import spaces  # noqa: E402

from cl.gym import NeuronsPolicy  # noqa: E402


class Task(gymnasium.Env[Any, Any]):
    """Ends after some steps, as it is told to."""

    def __init__(self, space: spaces.Space[Any], actions: int = 2, start: int = 0, steps: int = 3) -> None:
        self.observation_space = space
        self.action_space = spaces.Discrete(actions, start=start)
        self.taken: list[int] = []
        self._steps = steps
        self.terminates = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        super().reset(seed=seed)
        self._left = self._steps
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.taken.append(action)
        self._left -= 1
        over = self._left == 0
        return (
            self.observation_space.sample(),
            1.0,
            over and self.terminates,
            over and not self.terminates,
            {},
        )


@pytest.fixture
def neurons() -> Iterator[cl.Neurons]:
    with Simulator(spikes=[]) as opened:
        yield opened


def stims(neurons: cl.Neurons, start: int = 0) -> list[tuple[int, int]]:
    found = neurons.read(neurons.timestamp() - start, start, analysis=True).stims
    return [(stim.timestamp, stim.channel) for stim in found]


def test_observations_are_told_by_place_and_rate(neurons: cl.Neurons) -> None:
    space = spaces.Box(np.array([-1.0, -np.inf], np.float32), np.array([1.0, np.inf], np.float32))
    with NeuronsPolicy(neurons, Task(space), ticks_per_action=100) as policy:
        policy.act(np.array([0.0, 0.0]))
        channels = [channel for _, channel in stims(neurons)]
        # In the middle: the middle of each group of 12 channels, 4 times a second.
        assert sorted({*channels}) == [14, 26] and len(channels) == 8
        begun = neurons.timestamp()
        policy.act(np.array([1.0, -1e9]))
        channels = [channel for _, channel in stims(neurons, begun)]
        assert sorted({*channels}) == [19, 20] and 76 <= len(channels) <= 80


def test_the_most_active_region_is_chosen() -> None:
    spikes = [(at, 32) for at in range(0, 5_000, 200)] + [(at, 34) for at in range(6_000, 12_000, 100)]
    with Simulator(spikes=spikes) as neurons:
        task = Task(spaces.Discrete(5), start=3)
        with NeuronsPolicy(neurons, task, ticks_per_action=20) as policy:
            assert [policy.act(2) for _ in range(3)] == [3, 4, 4]


@pytest.mark.parametrize(
    ("terminates", "feedback"),
    [(True, "stimulus"), (False, "stimulus"), (True, "silent"), (False, "silent"), (True, "none")],
)
def test_the_outcome_is_answered(neurons: cl.Neurons, terminates: bool, feedback: Any) -> None:
    task = Task(spaces.Discrete(3))
    task.terminates = terminates
    with NeuronsPolicy(neurons, task, feedback=feedback, rest_s=0.5, seed=4) as policy:
        played = policy.play(1, seed=2)
    assert [(episode.total, episode.steps, episode.terminated) for episode in played] == [
        (3.0, 3, terminates)
    ]
    acted = 3 * 5 * 250
    after = [stim for stim in stims(neurons) if stim[0] > acted]
    if feedback != "stimulus":
        pause = 112_500 if feedback == "silent" and terminates else 0
        assert not after and neurons.timestamp() == acted + pause
    elif terminates:
        times = np.diff([timestamp for timestamp, _ in after])
        assert neurons.timestamp() == acted + 112_500
        assert 10 <= len(after) <= 20 and len({*times}) > 5 and max(after)[0] < acted + 100_250
    else:
        assert len(after) == 10 * 24 and len({timestamp for timestamp, _ in after}) == 10


def test_a_run_is_the_same_for_the_same_seeds() -> None:
    def played() -> list[Any]:
        env = gymnasium.make("CartPole-v1", max_episode_steps=15)
        source: Any = {"source": "cl.sim.culture:create", "config": {"size": 60}}
        with (
            Simulator(seed=3, **source) as neurons,
            NeuronsPolicy(neurons, env, ticks_per_action=2) as policy,
        ):
            found = [*policy.play(2, seed=1), neurons.timestamp()]
        env.close()
        return found

    first = played()
    assert first == played() and first[0].steps > 5


def test_what_is_wrong_is_told(neurons: cl.Neurons) -> None:
    box = spaces.Box(-1, 1, (2,))
    for task, options, text in (
        (Task(spaces.Box(-1, 1, (13,))), {}, "13 values"),
        (Task(spaces.Text(3)), {}, "give encode"),
        (Task(box, actions=13), {}, "13"),
        (Task(box), {"regions": [[1], [2], [3]]}, "2 actions, but 3 regions"),
        (Task(box), {"encode": lambda o: []}, "encode needs groups"),
        (Task(box), {"ticks_per_action": 0}, "ticks_per_action"),
        (Task(box), {"feedback": True}, "feedback must be one of stimulus, silent, none, not True"),
    ):
        with pytest.raises((TypeError, ValueError), match=text):
            NeuronsPolicy(neurons, task, **options)
    task = Task(box)
    task.action_space = spaces.Box(0, 1)
    with pytest.raises(TypeError, match="neurons choose among Discrete"):
        NeuronsPolicy(neurons, task)
    wrong = NeuronsPolicy(neurons, Task(box), encode=lambda o: [(0.5, 0.5)], groups=[[8], [9]])
    with pytest.raises(ValueError, match="gave 1 places, for 2 groups"):
        wrong.act(np.zeros(2))
    wrong.close()
