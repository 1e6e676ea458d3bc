"""What can be chosen about a recording at rest."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cl.app import BaseApplicationConfig
from cl.app.model import DurationSeconds


class BaselineConfig(BaseApplicationConfig):
    """The configuration of a recording at rest. Bursts: see `RecordingView.analyse_network_bursts`."""

    duration: Annotated[
        DurationSeconds, Field(title="Duration", description="How long is recorded, in seconds.")
    ] = 300
    record_raw_samples: bool = Field(
        default=False,
        title="Record Raw Samples",
        description="Whether the recording holds all samples: some 190 MB a minute.",
    )
    burst_bin_ms: int = Field(
        default=50,
        title="Burst Bin (ms)",
        description="Spikes of all channels are counted in bins of so many milliseconds.",
        ge=1,
        le=1_000,
    )
    burst_onset_hz: float = Field(
        default=5.0,
        title="Burst Onset (Hz)",
        description="A network burst begins with a bin of this mean rate a channel.",
        gt=0.0,
        le=1_000.0,
        allow_inf_nan=False,
    )
    burst_offset_hz: float = Field(
        default=1.0,
        title="Burst Offset (Hz)",
        description="It ends before the first bin below this rate.",
        gt=0.0,
        le=1_000.0,
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _ends_below_its_onset(self) -> BaselineConfig:
        if self.burst_offset_hz > self.burst_onset_hz:
            raise ValueError(
                f"the burst offset, {self.burst_offset_hz:g} Hz, must not be above the onset, "
                f"{self.burst_onset_hz:g} Hz"
            )
        return self

    def estimate_duration_s(self) -> float:
        """Return how long it takes: as long as is recorded."""
        return self.duration
