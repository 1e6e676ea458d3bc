"""A culture as an environment: what Gymnasium asks of one, and the same run for the same seed."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from extras import need_extra

import cl
from cl.events import Spike
from cl.sim import Simulator

need_extra("gym", "gymnasium")

import gymnasium  # noqa: E402
from gymnasium import spaces  # noqa: E402
from gymnasium.error import InvalidAction, ResetNeeded  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv  # noqa: E402

from cl.gym import CultureEnv, Step, Stimulation  # noqa: E402

STEPS = 12
SMALL = {"size": 60}


def small(**arguments: Any) -> CultureEnv:
    return CultureEnv(**{"config": SMALL, "ticks_per_second": 50, **arguments})


def actions(seed: int) -> list[int]:
    space = spaces.Discrete(13, seed=seed)
    return [int(space.sample()) for _ in range(STEPS)]


def trajectory(env: gymnasium.Env[Any, Any], seed: int | None) -> list[Any]:
    """Return what an episode gives for actions that go with the seed."""
    observation, info = env.reset(seed=seed)
    found = [(observation.tolist(), info)]
    for action in actions(seed or 0):
        observation, reward, _, _, info = env.step(action)
        found.append((observation.tolist(), info, reward))
    return found


@pytest.mark.parametrize("source", ["random", "cl.sim.culture:create"])
def test_gymnasium_has_nothing_to_say_against_it(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = SMALL if source != "random" else None
    env = gymnasium.make("cl/Culture-v0", source=source, config=config, render_mode="rgb_array")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    assert not told and "WARN" not in "".join(capsys.readouterr())
    assert env.spec is not None and env.spec.max_episode_steps == 1_000
    env.reset(seed=3)
    assert np.all(np.isfinite(env.observation_space.high))  # type: ignore[attr-defined]
    for action in actions(3):
        env.step(action)
    picture = env.render()
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and len(np.unique(picture)) > 5
    env.reset()
    assert env.render().shape == picture.shape
    env.close()
    env.close()


def test_without_gymnasium_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "cl.gym")
    with pytest.raises(ImportError, match=r"pip install 'cl-aio\[gym\]'"):
        importlib.import_module("cl.gym")


def test_the_same_seed_is_the_same_trajectory_and_no_seed_goes_on() -> None:
    env = small()
    first = trajectory(env, 5)
    assert sum(reward for _, _, reward in first[1:]) > 0 and first[-1][1]["timestamp"] == (STEPS + 2) * 500
    assert trajectory(env, 5) == first
    assert trajectory(env, 6) != first
    observation, info = env.reset()
    assert info["timestamp"] == (STEPS + 3) * 500 and env.observation_space.contains(observation)
    assert gc.isenabled()  # an agent may learn for weeks
    env.close()
    drawn = [small(), small()]
    dishes = []
    for env in drawn:
        env.reset()
        dishes.append(env.neurons.simulation["seed"])  # type: ignore[index]
        env.close()
    assert dishes[0] != dishes[1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("vector", [SyncVectorEnv, partial(AsyncVectorEnv, shared_memory=False)])
def test_four_together_do_what_each_does_alone(vector: Callable[..., VectorEnv[Any, Any, Any]]) -> None:
    seeds = [3, 4, 5, 6]
    alone = []
    for seed in seeds:
        env = small()
        alone.append(trajectory(env, seed))
        env.close()
    together = vector([small] * 4)
    observations, _ = together.reset(seed=seeds)
    assert [one.tolist() for one in observations] == [found[0][0] for found in alone]
    for number, chosen in enumerate(zip(*map(actions, seeds), strict=True), 1):
        observations, rewards, _, _, infos = together.step(np.array(chosen))
        for at, found in enumerate(alone):
            observed, info, reward = found[number]
            assert observations[at].tolist() == observed and rewards[at] == reward
            assert infos["timestamp"][at] == info["timestamp"]
    together.close()


def test_actions_are_stimulation() -> None:
    assert len(Stimulation([8, 9], [0.5, 1.0, 2.0])) == 7
    env = small(channels=[8, 9], designs=[0.5, cl.StimDesign(200, -2.0, 200, 2.0)], reward=lambda s: 1.0)
    env.reset(seed=1)
    for action in range(5):
        env.step(action)
    stims = env.neurons.read(2_500, 1_000, analysis=True).stims
    seen = [(stim.channel, stim.design) for stim in stims]
    half, two = cl.StimDesign(160, -0.5, 160, 0.5), cl.StimDesign(200, -2.0, 200, 2.0)
    assert seen == [(8, half), (8, two), (9, half), (9, two)]
    with pytest.raises(InvalidAction, match="5 is no action of Discrete"):
        env.step(5)
    env.close()
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_everything_can_be_said_otherwise() -> None:
    told: list[Step] = []

    def encode(step: Step) -> Any:
        told.append(step)
        return np.array([len(step.spikes)], np.float32)

    def decode(neurons: cl.Neurons, action: Any) -> None:
        neurons.stim(20, 1.0, cl.BurstDesign(int(action[0]), 200))

    env = CultureEnv(
        open=lambda seed: cl.open(device=Simulator("random", seed=seed + 1, accelerated=True)),
        ticks_per_step=5,
        action_space=spaces.MultiDiscrete([4]),
        decode=decode,
        observation_space=spaces.Box(0, 1e6, (1,)),
        encode=encode,
        reward=lambda step: -float(len(step.stims)),
        terminated=lambda step: step.number == 2,
    )
    env.reset(seed=6)
    assert env.neurons.simulation["seed"] == 7  # type: ignore[index]
    *_, first = env.step(np.array([0])), env.step(np.array([3]))
    assert first[1:4] == (-3.0, True, False)
    assert [step.number for step in told] == [0, 1, 2] and told[2].action.tolist() == [3]
    assert told[2].stop_timestamp - told[2].start_timestamp == 1_250
    assert told[1].counts.sum() == len(told[1].spikes) and isinstance(told[1].spikes[0], Spike)
    env.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"channels": []}, "one each, at least"),
        ({"channels": [8, 8]}, "once each"),
        ({"channels": [64]}, r"channels\[0\] must be at most 63"),
        ({"ticks_per_step": 0}, "ticks_per_step"),
        ({"ticks_per_second": 25_001}, "ticks_per_second"),
        ({"render_mode": "human"}, "render_mode must be None or 'rgb_array'"),
        ({"decode": print}, "action_space and decode go together"),
        ({"encode": print}, "observation_space and encode go together"),
        ({"source": "nothing"}, "module:attribute"),
    ],
)
def test_what_is_wrong_is_told_at_once(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CultureEnv(**arguments)
