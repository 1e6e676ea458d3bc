"""Neurons balance a pole: the simulator's culture plays CartPole, with feedback and without.

The pole is told by place and rate, left and right are read from two regions, and a pole that falls is
answered by a stimulus that nobody can foresee (the scheme of Kagan et al. 2022, as in the bundled application
pong). What plays here is a test subject, not biology: that it lasts longer with feedback is not to be
expected. It is for trying the program that will be run on neurons, beside its controls.

python examples/cartpole_neurons.py
python examples/cartpole_neurons.py --episodes 50
"""

from __future__ import annotations

import argparse
from statistics import fmean
from typing import Literal

import gymnasium

import cl
from cl.gym import NeuronsPolicy
from cl.sim import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--size", type=int, default=500, help="neurons of the culture")
    options = parser.parse_args()
    for feedback in ("stimulus", "silent", "none"):
        lengths = play(options.episodes, options.size, feedback)
        print(f"feedback {feedback:9} {fmean(lengths):5.1f} steps in the mean, {lengths}")
    lengths = pushed_at_random(options.episodes)
    print(f"pushed at random   {fmean(lengths):5.1f} steps in the mean, {lengths}")


def play(episodes: int, size: int, feedback: Literal["stimulus", "silent", "none"]) -> list[int]:
    env = gymnasium.make("CartPole-v1")
    culture = Simulator(
        "cl.sim.culture:create", config={"size": size, "plasticity": True}, seed=3, accelerated=True
    )
    with cl.open(device=culture) as neurons, NeuronsPolicy(neurons, env, feedback=feedback) as policy:
        return [episode.steps for episode in policy.play(episodes, seed=1)]


def pushed_at_random(episodes: int) -> list[int]:
    env = gymnasium.make("CartPole-v1")
    env.action_space.seed(1)
    lengths = []
    for episode in range(episodes):
        env.reset(seed=1 if episode == 0 else None)
        steps, over = 0, False
        while not over:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            steps, over = steps + 1, terminated or truncated
        lengths.append(steps)
    return lengths


if __name__ == "__main__":
    main()
