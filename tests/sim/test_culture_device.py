"""The culture through the whole device: opened, stimulated from a loop, read back."""

from __future__ import annotations

import numpy as np
import pytest

import cl

Events = list[tuple[int, int]]


@pytest.fixture(autouse=True)
def culture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"seed": 1}')


def run(ticks_per_second: int) -> tuple[Events, Events, bytes]:
    """Two seconds with pulses at times given beforehand."""
    spikes, stims = [], []
    with cl.open() as neurons:
        start = neurons.timestamp()
        for trial in range(10):
            plan = neurons.create_stim_plan()
            plan.stim(cl.ChannelSet(27, 28), 1.0)
            plan.run(at_timestamp=start + 3_003 + 4_001 * trial)
        for tick in neurons.loop(ticks_per_second, stop_after_seconds=2):
            spikes += [(spike.timestamp, spike.channel) for spike in tick.analysis.spikes]
            stims += [(stim.timestamp, stim.channel) for stim in tick.analysis.stims]
        return spikes, stims, neurons.read(50_000, start).tobytes()


def test_the_tick_rate_does_not_matter() -> None:
    slow, fast = run(10), run(1_000)
    assert slow == fast
    assert len(slow[0]) > 200
    assert len(slow[1]) == 20


def test_the_samples_of_a_spike_are_its_waveform() -> None:
    with cl.open() as neurons:
        troughs = [
            int(np.argmin(spike.samples))
            for tick in neurons.loop(100, stop_after_seconds=2)
            for spike in tick.analysis.spikes
        ]
    # 25 frames before the timestamp: there the waveform is lowest, give or take the noise.
    assert len(troughs) > 20
    assert sum(abs(trough - 25) <= 2 for trough in troughs) > 0.8 * len(troughs)


def test_a_loop_hears_the_answer_to_its_own_pulse() -> None:
    with cl.open() as neurons:
        counts = []
        for tick in neurons.loop(100, stop_after_seconds=6):
            if tick.iteration % 60 == 30:
                neurons.stim(27, 2.0)
            counts.append(len(tick.analysis.spikes))
    answered = [sum(counts[k + 1 : k + 6]) for k in range(30, 600, 60)]
    before = [sum(counts[k - 4 : k + 1]) for k in range(30, 600, 60)]
    # Not so for a pulse right after a spontaneous burst, which meets tired synapses: hence nine, and medians.
    assert sum(after > quiet for after, quiet in zip(answered, before, strict=True)) >= 9
    assert np.median(answered) > 10 > 5 * np.median(before)


def test_a_bad_config_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", '{"size": 5}')
    with pytest.raises(ValueError, match="size of the culture must be 10 to 10000, got 5"), cl.open():
        pass
