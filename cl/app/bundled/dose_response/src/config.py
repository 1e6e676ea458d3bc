"""What can be chosen about a dose response."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from cl.app import BaseApplicationConfig
from cl.app.model import ChannelList, StimAmplitudeMicroAmps, StimPulseWidthMicroSeconds

_MOST_NC: Final = 3.0
"""What a phase may carry, as `StimDesign` has it."""


class DoseResponseConfig(BaseApplicationConfig):
    """The configuration of a dose response: each current on each electrode, `repeats` times."""

    channels: ChannelList = Field(
        default=[27], title="Electrodes", description="Channels that are stimulated, one at a time."
    )
    currents_ua: list[StimAmplitudeMicroAmps] = Field(
        default=[0.5, 1.0, 2.0],
        title="Currents (µA)",
        description="The doses: currents of the biphasic pulse, whose negative phase comes first.",
        min_length=1,
        max_length=32,
        json_schema_extra={"uniqueItems": True},
    )
    pulse_width_us: Annotated[
        StimPulseWidthMicroSeconds, Field(description="The width of each of the two phases in microseconds.")
    ] = 160
    repeats: int = Field(
        default=20,
        title="Repeats",
        description="How often each current is given on each electrode; each time in a new order.",
        ge=1,
        le=1_000,
    )
    interval_s: float = Field(
        default=2.0,
        title="Interval (s)",
        description="The time between two pulses in seconds.",
        ge=0.1,
        le=600.0,
        allow_inf_nan=False,
    )
    window_ms: int = Field(
        default=100,
        title="Window (ms)",
        description="Responses are counted so long after a pulse, and the rest so long before it.",
        ge=5,
        le=5_000,
    )
    bin_ms: int = Field(default=5, title="Bin (ms)", description="The bin of the histograms.", ge=1, le=1_000)
    blank_ms: float = Field(
        default=1.0,
        title="Blank (ms)",
        description="What is detected so soon after a pulse is its artifact, and left out.",
        ge=0.0,
        le=100.0,
        allow_inf_nan=False,
    )
    seed: int = Field(default=1, title="Seed", description="Chooses the random order.", ge=0)
    record_raw_samples: bool = Field(
        default=False,
        title="Record Raw Samples",
        description="Whether the recording holds all samples: some 190 MB a minute.",
    )

    @model_validator(mode="after")
    def _fits(self) -> DoseResponseConfig:
        for name, values in (("channels", self.channels), ("currents_ua", self.currents_ua)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name} must differ from each other: {values}")
        charge = max(self.currents_ua) * self.pulse_width_us / 1_000
        if charge > _MOST_NC:
            raise ValueError(
                f"{max(self.currents_ua):g} µA for {self.pulse_width_us} µs is {charge:g} nC; "
                f"at most {_MOST_NC:g} nC can be"
            )
        if 2 * self.window_ms > 1_000 * self.interval_s:
            raise ValueError(
                f"interval_s must hold two windows of {self.window_ms} ms, and {self.interval_s:g} s does not"
            )
        if self.bin_ms > self.window_ms or self.blank_ms >= self.window_ms:
            raise ValueError(
                f"bin_ms, {self.bin_ms}, and blank_ms, {self.blank_ms:g}, must fit into the window of "
                f"{self.window_ms} ms"
            )
        return self

    @property
    def pulse_count(self) -> int:
        """How many pulses there are in all."""
        return len(self.channels) * len(self.currents_ua) * self.repeats

    def estimate_duration_s(self) -> float:
        """Return how long it takes, but for the summary."""
        return self.pulse_count * self.interval_s
