"""Environments for learning: a culture as the world, or as the agent. Needs the extra `gym`.

`import cl.gym` registers `cl/Culture-v0` with Gymnasium: `gymnasium.make("cl/Culture-v0")`. `CultureEnv` is a
culture that an agent stimulates, `NeuronsPolicy` neurons that are the agent in a task of discrete actions.
"""

from __future__ import annotations

try:
    import gymnasium
except ImportError as error:
    raise ImportError(
        "cl.gym needs gymnasium: install the extra, pip install 'cl-aio[gym]'", name="gymnasium"
    ) from error

from .culture_env import CultureEnv
from .neurons_policy import Episode, NeuronsPolicy
from .step import Step
from .stimulation import Stimulation

__all__ = ["CultureEnv", "Episode", "NeuronsPolicy", "Step", "Stimulation"]

gymnasium.register(id="cl/Culture-v0", entry_point="cl.gym:CultureEnv", max_episode_steps=1_000)
