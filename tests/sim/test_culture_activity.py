"""What the culture does by itself, and what it answers: rates, bursts, evoked spikes; seeds are fixed."""

from __future__ import annotations

from functools import cache
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from cl.sim.culture import Culture, create
from cl.sim.user.data_source import DataSourceStim

SECOND = 25_000
MS = 25


def pulse(timestamp: int, channel: int, current: float, duration: int = 160) -> DataSourceStim:
    return DataSourceStim(timestamp, channel, timestamp, (duration, duration), (current, -current))


def spikes_of(culture: Culture, frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    batch = culture.read(culture.position, frames)
    times = np.array([spike.timestamp for spike in batch.spikes], np.int64)
    return times, np.array([spike.channel for spike in batch.spikes], np.int64)


@cache
def spontaneous(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Spikes of 40 s of a culture that is left alone, and how many units are recorded."""
    culture = create(seed=seed)
    return *spikes_of(culture, 40 * SECOND), culture.tissue.units


def burst_starts(times: NDArray[np.int64], seconds: int, least: int) -> NDArray[np.int64]:
    """Where 100 ms with at least so many spikes begin, in s."""
    counts = np.bincount(times // 2_500, minlength=seconds * 10)
    high = counts >= least
    return np.flatnonzero(high & ~np.concatenate([[False], high[:-1]])) / 10


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spontaneous_activity(seed: int) -> None:
    times, channels, units = spontaneous(seed)
    assert 50 < len(times) / 40 < 300
    # Bursts: a tenth of a second in which half of what is recorded fires, every few seconds.
    starts = burst_starts(times, 40, units // 2)
    intervals = np.diff(starts[np.concatenate([[True], np.diff(starts) > 0.5])])
    assert len(intervals) >= 3
    assert 2 < intervals.mean() < 20
    # They sweep the whole array, and between them it is not silent.
    first = times // 2_500 == round(starts[0] * 10)
    assert len(np.unique(channels[first])) > 0.5 * len(np.unique(channels))
    quiet = np.bincount(times // 2_500, minlength=400)
    assert 0 < np.median(quiet) < units / 20
    assert len(np.unique(channels)) > 45


def test_channels_differ_lastingly() -> None:
    times, channels, _ = spontaneous(0)
    early, late = (
        np.bincount(channels[half], minlength=64) for half in (times < 20 * SECOND, times >= 20 * SECOND)
    )
    active = early + late > 0
    assert np.corrcoef(early[active], late[active])[0, 1] > 0.8
    assert late.max() > 2 * late[active].mean()


def test_background_drives_it() -> None:
    quiet, _ = spikes_of(create(background=0), 5 * SECOND)
    assert len(quiet) == 0
    normal, _ = spikes_of(create(), 10 * SECOND)
    driven, _ = spikes_of(create(background=1.3), 10 * SECOND)
    assert len(driven) > 1.5 * len(normal) > 0


def test_without_connections_there_are_no_bursts() -> None:
    culture = create(connectivity=0)
    times, _ = spikes_of(culture, 20 * SECOND)
    assert len(times) > 100
    assert len(burst_starts(times, 20, culture.tissue.units // 4)) == 0


@pytest.mark.parametrize("size", [300, 3_000])
def test_other_sizes_burst_as_well(size: int) -> None:
    culture = create(size=size)
    times, _ = spikes_of(culture, 20 * SECOND)
    assert len(burst_starts(times, 20, culture.tissue.units // 2)) >= 2


def test_inhibition_restrains() -> None:
    def largest_burst(inhibitory_fraction: float) -> int:
        times, _ = spikes_of(create(inhibitory_fraction=inhibitory_fraction), 15 * SECOND)
        return int(np.bincount(times // 2_500).max())

    assert largest_burst(0) > largest_burst(0.2) > largest_burst(0.4)


@cache
def answers(
    channel: int | None, current: float = -1.0, duration: int = 160, trials: int = 12
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spikes of the array 5 to 50 ms after each pulse, one a second, and in as long before it."""
    culture = create(seed=1)
    culture.read(0, SECOND)
    before, after = [], []
    for trial in range(trials):
        moment = SECOND + trial * SECOND + SECOND // 2
        times, _ = spikes_of(culture, SECOND // 2)
        before.append(np.count_nonzero((times >= moment - 50 * MS) & (times < moment - 5 * MS)))
        if channel is not None:
            culture.on_stims([pulse(moment, channel, current, duration)])
        times, _ = spikes_of(culture, SECOND // 2)
        after.append(np.count_nonzero((times >= moment + 5 * MS) & (times < moment + 50 * MS)))
    return np.array(before), np.array(after)


def sign_test(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """The probability that at least as many of the pairs that differ would rise by chance."""
    rises, falls = int((after > before).sum()), int((after < before).sum())
    pairs = rises + falls
    return sum(comb(pairs, k) for k in range(rises, pairs + 1)) / 2**pairs


@pytest.mark.parametrize("channel", [12, 27, 51])
def test_a_pulse_evokes_spikes(channel: int) -> None:
    before, after = answers(channel)
    assert sign_test(before, after) < 0.001
    assert after.mean() > 5 * before.mean()
    assert after.mean() > 10


def test_without_a_pulse_nothing_is_evoked() -> None:
    before, after = answers(None)
    assert sign_test(before, after) > 0.05


def test_more_current_evokes_more() -> None:
    means = [answers(27, current)[1].mean() for current in (-0.1, -1.0, -3.0)]
    assert means == sorted(means)
    assert means[-1] > 3 * means[0]


def test_a_longer_pulse_evokes_more() -> None:
    assert answers(27, -1.0, 400)[1].mean() > 1.5 * answers(27, -1.0, 80)[1].mean()


def test_cathodic_first_evokes_more() -> None:
    def at_once(current: float, moment: int) -> int:
        # One pulse into one and the same state; what comes within 20 ms is before all chaos.
        culture = create(seed=1)
        culture.read(0, moment)
        culture.on_stims([pulse(moment, 27, current)])
        return len(spikes_of(culture, 20 * MS)[0])

    pairs = [(at_once(-1.0, moment), at_once(1.0, moment)) for moment in range(12_500, 37_500, 3_125)]
    assert all(cathodic >= anodic for cathodic, anodic in pairs)
    assert sum(cathodic for cathodic, _ in pairs) > 1.5 * sum(anodic for _, anodic in pairs)


def test_the_answer_depends_on_the_channel() -> None:
    means = [answers(channel)[1].mean() for channel in (9, 27, 51)]
    assert max(means) > 2 * min(means)


def test_the_answer_begins_near_the_electrode() -> None:
    culture = create(seed=1, background=0)
    culture.on_stims([pulse(1_000, 27, -3.0)])
    times, channels = spikes_of(culture, SECOND)
    direct = times < 1_000 + 91
    # They come from the electrode itself and its neighbours, 1.6 to 3.7 ms after the pulse ...
    assert times.min() >= 1_000 + 41
    assert {27} < set(channels[direct]) <= {27, 26, 28, 19, 35, 18, 20, 34, 36}
    # ... the nearer the sooner, as they are driven harder; the network's come later.
    assert channels[0] == 27
    assert np.count_nonzero(direct) < len(times)


def test_pulses_on_neighbouring_channels_add_up() -> None:
    def evoked(*channels: int) -> int:
        culture = create(seed=1, background=0, connectivity=0)
        culture.on_stims([pulse(1_000, channel, -0.7) for channel in channels])
        return len(spikes_of(culture, SECOND)[0])

    assert evoked(27, 28, 35, 36) > sum(evoked(channel) for channel in (27, 28, 35, 36))


@pytest.mark.parametrize("channel", [0, 4, 7, 56, 63, 30])
def test_dead_electrodes_reach_nobody(channel: int) -> None:
    silent = {"seed": 1, "silent_channels": [30]}
    alone, stimulated = create(**silent), create(**silent)
    stimulated.on_stims([pulse(100 + 2_500 * trial, channel, -3.0) for trial in range(20)])
    a, b = spikes_of(alone, 3 * SECOND), spikes_of(stimulated, 3 * SECOND)
    assert len(a[0]) > 20
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
    assert channel not in a[1]


def test_a_silent_channel_is_the_only_one_that_falls_silent() -> None:
    _, before = spikes_of(create(seed=1), 5 * SECOND)
    _, after = spikes_of(create(seed=1, silent_channels=[27]), 5 * SECOND)
    assert 27 in before and 27 not in after
    assert len(np.unique(after)) > 45


def test_pairing_two_sites_strengthens_what_leads_from_the_first_to_the_second() -> None:
    culture = create(seed=1, background=0, plasticity=True, connectivity=0.2)
    wiring = culture.network.wiring
    first, second = near(culture, 18), near(culture, 36)
    before = wiring.efficacy.copy()
    for trial in range(60):
        culture.on_stims([pulse(trial * 5_000, 18, -3.0), pulse(trial * 5_000 + 8 * MS, 36, -3.0)])
        culture.read(culture.position, 5_000)
    change = wiring.efficacy / before
    excites = ~culture.tissue.inhibitory[:, None]
    there = np.isin(np.arange(1_000), first)[:, None] & np.isin(wiring.targets, second) & excites
    back = np.isin(np.arange(1_000), second)[:, None] & np.isin(wiring.targets, first) & excites
    assert np.count_nonzero(there) > 10 and np.count_nonzero(back) > 10
    assert change[there].mean() > 1.1
    assert change[back].mean() < 0.9
    assert np.all(change[culture.tissue.inhibitory] == 1)


def near(culture: Culture, channel: int) -> NDArray[np.intp]:
    """The neurons within 170 µm of an electrode."""
    electrode = np.array([channel // 8, channel % 8]) * 200.0
    distance = np.hypot(*(culture.tissue.positions - electrode).T)
    return np.flatnonzero(distance < 170)
