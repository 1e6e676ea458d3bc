"""Learning which stimulation evokes most: an evolution strategy, in plain numpy, on a culture.

The agent has 12 electrodes and 1 µA to share out among them, each time anew. What it is rewarded for is how
many spikes come within the 50 ms after its pulse. It knows nothing of the culture: it tries shares that are
near its present ones, in pairs of opposite ones, and goes where it went better. It prints the learning curve;
at the start all electrodes get the same, and shares drawn at random are what it is compared with at the end.

python examples/evolve_stimulation.py
python examples/evolve_stimulation.py --generations 40 --plot curve.png
"""

from __future__ import annotations

import argparse

import numpy as np
from gymnasium import spaces

import cl
from cl.gym import CultureEnv
from cl.gym.stimulation import CHANNELS

BUDGET_UA = 1.0
PAIRS = 6
SPREAD, RATE = 0.7, 0.7
REST_STEPS = 5
"""The culture is left alone for 250 ms after each answer."""


def main() -> None:
    options = parse()
    rng = np.random.default_rng(options.seed)
    env = CultureEnv(
        config={"size": options.size},
        ticks_per_second=100,
        ticks_per_step=5,
        action_space=spaces.Box(0.0, BUDGET_UA, (len(CHANNELS),), np.float64),
        decode=pulse,
    )
    env.reset(seed=options.seed)
    wishes = np.zeros(len(CHANNELS))
    curve = [answer(env, wishes, options.pulses)]
    print(f"generation  0: {curve[0]:5.1f} spikes after a pulse  {'#' * round(curve[0])}")
    for generation in range(1, options.generations + 1):
        wishes = wishes + RATE * gradient(env, wishes, rng, options.pulses)
        curve.append(answer(env, wishes, options.pulses))
        print(f"generation {generation:2}: {curve[-1]:5.1f} spikes after a pulse  {'#' * round(curve[-1])}")
    drawn = [answer(env, 2 * rng.normal(size=len(CHANNELS)), options.pulses) for _ in range(2 * PAIRS)]
    env.close()
    last = float(np.mean(curve[-3:]))
    print(f"from {curve[0]:.1f} to {last:.1f} spikes, the mean of the last three generations")
    print(f"shares drawn at random: {np.mean(drawn):.1f} ± {np.std(drawn):.1f}")
    best = np.argsort(wishes)[::-1][:3]
    named = (f"channel {CHANNELS[at]} ({currents(wishes)[at]:.1f} µA)" for at in best)
    print("most goes to", ", ".join(named))
    if options.plot:
        draw(curve, float(np.mean(drawn)), options.plot)


def pulse(neurons: cl.Neurons, currents_uA: np.ndarray) -> None:
    """Give each electrode its current, all at once."""
    for channel, current in zip(CHANNELS, currents_uA, strict=True):
        if current >= 0.1:
            neurons.stim(channel, round(float(current), 2))


def currents(wishes: np.ndarray) -> np.ndarray:
    """Share the budget out: those that are wished for more get more."""
    shares = np.exp(wishes - wishes.max())
    shared: np.ndarray = BUDGET_UA * shares / shares.sum()
    return shared


def answer(env: CultureEnv, wishes: np.ndarray, pulses: int) -> float:
    """Return how many spikes follow a pulse, in the median of several: the culture also bursts by itself."""
    rewards = []
    rest = np.zeros(len(CHANNELS))
    for _ in range(pulses):
        rewards.append(env.step(currents(wishes))[1])
        for _ in range(REST_STEPS):
            env.step(rest)
    return float(np.median(rewards))


def gradient(env: CultureEnv, wishes: np.ndarray, rng: np.random.Generator, pulses: int) -> np.ndarray:
    """Return where to go: the mean of what was tried, each by how much better it was than its opposite."""
    tried = rng.normal(size=(PAIRS, len(CHANNELS)))
    steps = [SPREAD * one for one in tried]
    gains = [answer(env, wishes + step, pulses) - answer(env, wishes - step, pulses) for step in steps]
    return np.asarray(gains) @ tried / (PAIRS * (np.std(gains) + 1e-9))


def draw(curve: list[float], drawn: float, path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve, marker="o", label="evolution strategy")
    axes.axhline(drawn, color="grey", linestyle="--", label="drawn at random")
    axes.set(xlabel="generation", ylabel="spikes within 50 ms of a pulse")
    axes.legend()
    figure.savefig(path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--generations", type=int, default=12)
    parser.add_argument("--pulses", type=int, default=10, help="pulses by which shares are judged")
    parser.add_argument("--size", type=int, default=400, help="neurons of the culture")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--plot", metavar="FILE", help="draw the learning curve; needs matplotlib")
    return parser.parse_args()


if __name__ == "__main__":
    main()
