"""What a recording at rest comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

ACTIVE_HZ: Final = 0.1
"""A channel that fires more often is taken for active."""
_MOST_SHOWN: Final = 8


@dataclass(frozen=True)
class Findings:
    """Rates in Hz by channel, and the network bursts."""

    duration_s: float
    spike_count: int
    rates_hz: list[float]
    burst_count: int
    bursts_per_minute: float
    mean_burst_s: float | None
    mean_burst_spikes: float | None

    @classmethod
    def of(cls, duration_s: float, counts: Sequence[int], bursts: Sequence[tuple[float, int]]) -> Findings:
        """Return the findings for spikes by channel, and seconds and spikes of each burst."""
        number = len(bursts)
        return cls(
            duration_s=duration_s,
            spike_count=sum(counts),
            rates_hz=[count / duration_s for count in counts],
            burst_count=number,
            bursts_per_minute=60.0 * number / duration_s,
            mean_burst_s=sum(seconds for seconds, _ in bursts) / number if number else None,
            mean_burst_spikes=sum(spikes for _, spikes in bursts) / number if number else None,
        )

    @property
    def active_channels(self) -> list[int]:
        """The channels above `ACTIVE_HZ`, the most active first."""
        ordered = sorted(enumerate(self.rates_hz), key=lambda one: (-one[1], one[0]))
        return [channel for channel, rate in ordered if rate > ACTIVE_HZ]

    def as_json(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return {**asdict(self), "active_channels": self.active_channels}

    def as_markdown(self, name: str) -> str:
        """Return the text that is shown after the run."""
        active = self.active_channels
        rows = {
            "Duration": f"{self.duration_s:g} s",
            "Spikes": str(self.spike_count),
            "Mean rate a channel": f"{self.spike_count / self.duration_s / len(self.rates_hz):.3f} Hz",
            f"Active channels (above {ACTIVE_HZ} Hz)": f"{len(active)} of {len(self.rates_hz)}",
            "Network bursts": f"{self.burst_count}, {self.bursts_per_minute:.2f} a minute",
        }
        if self.mean_burst_s is not None and self.mean_burst_spikes is not None:
            rows["Mean burst"] = f"{1_000 * self.mean_burst_s:.0f} ms, {self.mean_burst_spikes:.1f} spikes"
        table = "\n".join(f"| {what} | {value} |" for what, value in rows.items())
        most = ", ".join(f"{channel} ({self.rates_hz[channel]:.2f} Hz)" for channel in active[:_MOST_SHOWN])
        return f"# Baseline: {name}\n\n| | |\n|---|---|\n{table}\n\nMost active channels: {most or 'none'}.\n"
