"""What can be chosen about a game of Pong."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from cl.app import BaseApplicationConfig
from cl.app.embodiment import SENSORY_CHANNELS, motor_regions
from cl.app.model import (
    ChannelList,
    DurationSeconds,
    StimDesignModel,
    StimFrequencyRangeHzModel,
)

_SENSORY: list[Any] = [*SENSORY_CHANNELS]
_UP: list[Any]
_DOWN: list[Any]
_UP, _DOWN = ([*region] for region in motor_regions(2))


class FeedbackKind(StrEnum):
    """What follows a hit and a miss; the three conditions of the experiments."""

    STIMULUS = "stimulus"
    """A predictable stimulus and an unpredictable one, then a rest and a new serve."""
    SILENT = "silent"
    """Nothing, for as long as the stimulus would take; then a rest and a new serve."""
    NONE = "none"
    """The game goes on as if every ball was hit."""


def _biphasic(current_ua: float) -> StimDesignModel:
    phases: list[Any] = [
        {"pulse_width_us": 160, "signed_amplitude_ua": sign * current_ua} for sign in (-1, 1)
    ]
    return StimDesignModel(components=phases)


class PongConfig(BaseApplicationConfig):
    """The configuration of a game."""

    duration: Annotated[
        DurationSeconds, Field(title="Duration", description="How long is played, in seconds.")
    ] = 1_200
    feedback: FeedbackKind = Field(
        default=FeedbackKind.STIMULUS,
        title="Feedback",
        description="stimulus: predictable after a hit, unpredictable after a miss. silent: a pause instead. "
        "none: every ball comes back.",
    )
    sensory_channels: ChannelList = Field(
        default=_SENSORY,
        title="Sensory Electrodes",
        description="Stimulated to tell where the ball is, in order from the top to the bottom of the court.",
    )
    up_channels: ChannelList = Field(
        default=_UP, title="Electrodes for Up", description="Activity here moves the paddle up."
    )
    down_channels: ChannelList = Field(
        default=_DOWN, title="Electrodes for Down", description="Activity here moves the paddle down."
    )
    sensory_hz: StimFrequencyRangeHzModel = Field(
        default=StimFrequencyRangeHzModel(min=4.0, max=40.0),
        title="Sensory Rates (Hz)",
        description="Pulses a second with the ball at the far wall, and at the paddle.",
    )
    pulse: StimDesignModel = Field(
        default=_biphasic(1.0),
        title="Pulse",
        description="Tells where the ball is, and is the pulse of the predictable stimulus.",
    )
    unpredictable_pulse: StimDesignModel = Field(
        default=_biphasic(2.0),
        title="Unpredictable Pulse",
        description="The pulse of the stimulus that follows a miss.",
    )
    unpredictable_s: float = Field(
        default=4.0,
        title="Unpredictable Stimulus (s)",
        description="How long the stimulus after a miss takes; five pulses a second, at random.",
        ge=0.5,
        le=60.0,
        allow_inf_nan=False,
    )
    rest_s: float = Field(
        default=4.0,
        title="Rest (s)",
        description="The rest that follows it, before the next serve.",
        ge=0.0,
        le=60.0,
        allow_inf_nan=False,
    )
    crossing_s: float = Field(
        default=2.0,
        title="Crossing (s)",
        description="How long the ball takes from the far wall to the paddle.",
        ge=0.2,
        le=60.0,
        allow_inf_nan=False,
    )
    paddle_size: float = Field(
        default=0.3,
        title="Paddle Size",
        description="The paddle's height as a part of the court's.",
        gt=0.0,
        lt=1.0,
        allow_inf_nan=False,
    )
    paddle_speed: float = Field(
        default=1.0,
        title="Paddle Speed",
        description="Heights of the court that the paddle can move in a second.",
        gt=0.0,
        le=20.0,
        allow_inf_nan=False,
    )
    seed: int = Field(
        default=1,
        title="Seed",
        description="Chooses the serves, and places and times of the unpredictable stimulus.",
        ge=0,
    )
    record_raw_samples: bool = Field(
        default=False,
        title="Record Raw Samples",
        description="Whether the recording holds all samples: some 190 MB a minute.",
    )

    @model_validator(mode="after")
    def _regions_differ(self) -> PongConfig:
        all_channels = [*self.sensory_channels, *self.up_channels, *self.down_channels]
        twice = sorted({channel for channel in all_channels if all_channels.count(channel) > 1})
        if twice:
            raise ValueError(
                f"sensory_channels, up_channels and down_channels must differ; {twice} are listed twice"
            )
        return self

    def estimate_duration_s(self) -> float:
        """Return how long it takes: as long as is played."""
        return self.duration
