"""The culture's play, tick by tick: what it is told, what it does, and what follows.

It knows no device: it is given the spikes of a tick, and says what is to be stimulated.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import cl
from cl.app.embodiment import Feedback, PlaceRateEncoder, RegionDecoder
from cl.events import Spike

from .config import FeedbackKind, PongConfig
from .game import Game, Outcome


class Phase(StrEnum):
    """What goes on."""

    PLAY = "play"
    HIT = "hit"
    """The ball flies, and what has been hit is told."""
    MISS = "miss"
    REST = "rest"


@dataclass(frozen=True)
class Stimulation:
    """What is to be stimulated now."""

    channels: cl.ChannelSet
    design: cl.StimDesign
    burst: cl.BurstDesign | None = None


@dataclass
class Score:
    """Hits and misses, and how many hits each rally had."""

    hits: int = 0
    rallies: list[tuple[float, int]] = field(default_factory=list)
    """Of each one that has ended: when, in seconds of the game, and its hits."""
    rally: int = 0

    def hit(self) -> None:
        """Count a hit."""
        self.hits += 1
        self.rally += 1

    def miss(self, seconds: float) -> None:
        """End the rally."""
        self.rallies.append((seconds, self.rally))
        self.rally = 0


class Play:
    """A game of a culture's, of ticks that are all `tick_s` long."""

    def __init__(self, config: PongConfig, tick_s: float) -> None:
        rng = random.Random(config.seed)
        self._config = config
        self._tick_s = tick_s
        self._pulse = config.pulse.to_stim_design()
        self._surprise = config.unpredictable_pulse.to_stim_design()
        self._encoder = PlaceRateEncoder(
            config.sensory_channels, config.sensory_hz.min, config.sensory_hz.max
        )
        self._decoder = RegionDecoder([config.up_channels, config.down_channels])
        self._feedback = Feedback(rng, config.sensory_channels, unpredictable_s=config.unpredictable_s)
        self._game = Game(rng, config.crossing_s, config.paddle_size, config.paddle_speed)
        self._left = 0
        """Ticks until the phase ends."""
        self._ticks = 0
        self.phase = Phase.PLAY
        self.score = Score()

    def step(self, spikes: Iterable[Spike]) -> list[Stimulation]:
        """Let a tick pass, in which these spikes came; return what is to be stimulated now."""
        self._ticks += 1
        self._decoder.update(spikes, self._tick_s)
        choice = self._decoder.choice()
        self._game.move_paddle(self._tick_s, 0 if choice is None else (-1, 1)[choice])
        if self._left:
            self._left -= 1
        if not self._left:
            self._end_phase()
        if self.phase is Phase.MISS:
            return self._surprises()
        if self.phase is Phase.REST:
            return []
        return self._fly()

    def shown(self) -> dict[str, Any]:
        """Return what the page is told of a tick."""
        return {
            "ball": [*self._game.ball],
            "paddle": self._game.paddle,
            "phase": self.phase.value,
            "hits": self.score.hits,
            "misses": len(self.score.rallies),
            "rally": self.score.rally,
            "activity": self._decoder.activity,
        }

    def _fly(self) -> list[Stimulation]:
        outcome = self._game.move_ball(self._tick_s, returns=self._config.feedback is FeedbackKind.NONE)
        if outcome is Outcome.HIT:
            self.score.hit()
            return self._answer_hit()
        if outcome is Outcome.MISS:
            self.score.miss(self._ticks * self._tick_s)
            return self._answer_miss()
        return [] if self.phase is Phase.HIT else self._tell()

    def _tell(self) -> list[Stimulation]:
        """Tell where the ball is: along the paddle by the place, towards it by the rate."""
        x, y = self._game.ball
        channel = self._encoder.step(self._tick_s, place=y, magnitude=1.0 - x)
        return [] if channel is None else [Stimulation(cl.ChannelSet(channel), self._pulse)]

    def _answer_hit(self) -> list[Stimulation]:
        if self._config.feedback is not FeedbackKind.STIMULUS:
            return []
        burst = self._feedback.burst
        self._begin(Phase.HIT, burst.burst_count / burst.burst_hz)
        return [Stimulation(self._feedback.channel_set, self._pulse, burst)]

    def _answer_miss(self) -> list[Stimulation]:
        if self._config.feedback is FeedbackKind.NONE:
            return []
        self._begin(Phase.MISS, self._config.unpredictable_s)
        if self._config.feedback is FeedbackKind.STIMULUS:
            self._feedback.begin()
        return []

    def _surprises(self) -> list[Stimulation]:
        return [
            Stimulation(cl.ChannelSet(channel), self._surprise)
            for channel in self._feedback.step(self._tick_s)
        ]

    def _begin(self, phase: Phase, seconds: float) -> None:
        self.phase = phase
        self._left = max(1, round(seconds / self._tick_s))

    def _end_phase(self) -> None:
        if self.phase is Phase.MISS and self._config.rest_s > 0:
            self._begin(Phase.REST, self._config.rest_s)
            return
        if self.phase in (Phase.MISS, Phase.REST):
            self._game.serve()
        self.phase = Phase.PLAY
