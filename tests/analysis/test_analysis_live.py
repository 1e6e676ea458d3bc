"""Live metrics are the metrics of the recording of the same run, however what comes is divided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.analysis_files import write_recording
from extras import need_extra
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cl
from cl import DetectionResult, RecordingView, Spike, Stim, StimDesign
from cl.analysis import LiveBursts, LivePsth, LiveRates
from cl.sim import Simulator

need_extra("analysis", "pydantic")

START = 1_000_000
DURATION = 900
RATES = ("channel_mean_firing_rates", "channel_var_firing_rates", "culture_mean_firing_rates")
NAMES = (*RATES, "culture_var_firing_rates", "channel_ISI_mean", "channel_ISI_var")
CULTURE = ("culture_ISI_mean", "culture_ISI_var")

spikes_of_a_run = st.lists(
    st.tuples(st.integers(0, DURATION - 1), st.sampled_from((0, 1, 8, 9, 63))), max_size=60
).map(sorted)
stims_of_a_run = st.lists(
    st.tuples(st.integers(0, DURATION - 1), st.sampled_from((8, 20))), max_size=6, unique=True
).map(sorted)
cuts = st.lists(st.integers(0, DURATION), max_size=12).map(sorted)
Events = Sequence[tuple[int, int]]


def windows(spikes: Events, stims: Events, at: Sequence[int]) -> list[DetectionResult]:
    """Divide a run, that begins at START, at some frames."""
    edges = [0, *at, DURATION]
    return [
        DetectionResult(
            START + a,
            START + b,
            [Spike(START + t, c) for t, c in spikes if a <= t < b],
            [Stim(START + t, c) for t, c in stims if a <= t < b],
        )
        for a, b in pairwise(edges)
    ]


def in_many_ways(test: Callable[..., None]) -> Any:
    checked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    found = given(spikes=spikes_of_a_run, stims=stims_of_a_run, at=cuts)(test)
    return settings(max_examples=25, suppress_health_check=checked, deadline=None)(found)


def check_rates(live: LiveRates, view: RecordingView, bin_size_sec: float) -> None:
    found, wanted = live.statistics(), view.analyse_firing_stats(bin_size_sec)
    assert found.channel_spike_counts == wanted.firing_counts.sum(axis=1).tolist()
    assert found.culture_max_firing_rates == wanted.culture_max_firing_rates
    assert found.bin_count == wanted.firing_counts.shape[1]
    for name in (*NAMES, *CULTURE):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-9, atol=1e-9)


def check_bursts(live: LiveBursts, bursts: list[Any], view: RecordingView, *arguments: Any) -> None:
    wanted = view.analyse_network_bursts(*arguments)
    assert [(b.start_frame, b.end_frame) for b in bursts] == [
        (b.start_frame, b.end_frame) for b in wanted.bursts
    ]
    assert [b.spike_count for b in bursts] == wanted.network_burst_spike_counts
    assert live.network_burst_count == wanted.network_burst_count
    assert math.isclose(
        live.total_network_burst_frames / 25_000, wanted.total_network_burst_duration_sec, abs_tol=1e-9
    )


@in_many_ways
def test_rates_of_any_windows_are_those_of_the_recording(
    tmp_path: Path, spikes: Events, stims: Events, at: Sequence[int]
) -> None:
    live = LiveRates(0.004, start_timestamp=START)
    for window in windows(spikes, stims, at):
        live.update(window)
    assert live.missed_frames == 0
    with RecordingView(write_recording(tmp_path / "r.h5", DURATION, spikes)) as view:
        check_rates(live, view, 0.004)


@pytest.mark.parametrize(
    ("onset", "offset", "least"), [(100, 50, 4), (300, 0, 1), (0, 50, 2), (50, 400, None)]
)
@in_many_ways
def test_bursts_of_any_windows_are_those_of_the_recording(
    tmp_path: Path,
    onset: float,
    offset: float,
    least: int | None,
    spikes: Events,
    stims: Events,
    at: Sequence[int],
) -> None:
    live = LiveBursts(0.002, onset, offset, least, start_timestamp=START)
    bursts = [burst for window in windows(spikes, stims, at) for burst in live.update(window)]
    was_open = live.is_bursting
    rest = live.finish()
    assert len(rest) <= 2 and (rest or not was_open)
    with RecordingView(write_recording(tmp_path / "r.h5", DURATION, spikes)) as view:
        check_bursts(live, bursts + rest, view, 0.002, onset, offset, least)


@pytest.mark.parametrize("blank_sec", [0.0, 0.001])
@in_many_ways
def test_a_psth_of_any_windows_is_that_of_the_recording(
    tmp_path: Path, blank_sec: float, spikes: Events, stims: Events, at: Sequence[int]
) -> None:
    arguments: dict[str, Any] = {"channels": [1, 8, 63], "before_sec": 0.004, "after_sec": 0.006}
    arguments |= {"bin_size_sec": 0.002, "stim_channels": [20], "blank_sec": blank_sec}
    live = LivePsth(**arguments, start_timestamp=START)
    for window in windows(spikes, stims, at):
        live.update(window)
        live.numbers()
    with RecordingView(write_recording(tmp_path / "r.h5", DURATION, spikes, stims)) as view:
        assert live.numbers() == view.psth(**arguments)


@in_many_ways
def test_events_of_streams_give_what_windows_give(
    tmp_path: Path, spikes: Events, stims: Events, at: Sequence[int]
) -> None:
    events: list[Any] = [Spike(START + t, c) for t, c in spikes] + [Stim(START + t, c) for t, c in stims]
    events.sort(key=lambda event: event.timestamp)
    places = [min(place, len(events)) for place in (0, *(frame // 20 for frame in at), len(events))]
    streamed, whole = (
        (LiveRates(0.004, start_timestamp=START), LivePsth(None, 0.004, 0.006, 0.002, start_timestamp=START))
        for _ in range(2)
    )
    for live in streamed:
        for first, last in pairwise(places):
            live.update_events(events[first:last])
        live.update_events([], until=START + DURATION)
    for live in whole:
        live.update(windows(spikes, stims, [])[0])
    assert repr(streamed[0].statistics()) == repr(whole[0].statistics())
    assert streamed[1].numbers() == whole[1].numbers()


DESIGN = StimDesign(160, -1.0, 160, 1.0)


def test_a_loop_and_reads_have_what_the_file_of_the_run_has(tmp_path: Path) -> None:
    """A culture that is stimulated, two seconds of it in ticks, then in a read."""
    dish = Simulator(seed=3, accelerated=True, source="cl.sim.culture:create")
    with cl.open(device=dish) as neurons:
        recording = neurons.record(file_location=str(tmp_path))
        start = recording.start_timestamp
        rates = LiveRates(0.05, start_timestamp=start)
        bursts = LiveBursts(0.02, 5, 1, start_timestamp=start)
        psth = LivePsth(design=DESIGN, blank_sec=0.002, start_timestamp=start)
        found = []
        for tick in neurons.loop(100, stop_after_seconds=2):
            if tick.iteration % 30 == 0:
                neurons.stim(20 + tick.iteration % 7, DESIGN)
                neurons.stim(40, 0.5)
            rates.update(tick.analysis)
            psth.update(tick.analysis)
            found += bursts.update(tick.analysis)
        window = neurons.read(12_345, bursts.stop_timestamp, analysis=True)
        rates.update(window)
        psth.update(window)
        found += bursts.update(window)
        recording.stop()
    found += bursts.finish()
    assert found and rates.missed_frames == 0
    with recording.open() as view:
        view.analysis_timestamp_limit(0, rates.duration_frames)
        check_rates(rates, view, 0.05)
        check_bursts(bursts, found, view, 0.02, 5, 1)
        assert psth.numbers() == view.psth(design=DESIGN, blank_sec=0.002)
        assert psth.numbers().stim_count == 7


def test_what_is_kept_does_not_grow(tmp_path: Path) -> None:
    live: list[Any] = [LiveRates(0.01), LiveBursts(0.01, 5, 1), LivePsth(blank_sec=0.002)]
    sizes = []
    for number in range(3000):
        at = number * 250
        spikes = [Spike(at + place, place % 64) for place in range(0, 250, 50)]
        stims = [Stim(at, 20)] if number % 10 == 0 else []
        for each in live:
            each.update(DetectionResult(at, at + 250, spikes, stims))
        psth = live[2]
        sizes.append(len(psth._recent) + len(psth._open) + len(psth._blanked))
    assert max(sizes[1500:]) <= max(sizes[:1500])
    assert live[2].numbers().stim_count == 300
    assert live[0].statistics().channel_spike_counts[0] == 3000


def test_windows_that_go_back_are_refused_and_missed_ones_counted() -> None:
    live = LiveRates(0.01)
    live.update(DetectionResult(1000, 1250, [Spike(1000, 8)]))
    with pytest.raises(ValueError, match=r"1200.*1250"):
        live.update(DetectionResult(1200, 1300))
    with pytest.raises(ValueError, match=r"timestamp=1100.*1250"):
        live.update_events([Spike(1100, 8)])
    live.update(DetectionResult(1500, 1750, [Spike(1600, 9)]))
    assert live.missed_frames == 250
    assert (live.start_timestamp, live.stop_timestamp, live.duration_frames) == (1000, 1750, 750)
    assert live.last_bin_counts is not None and live.last_bin_counts[9] == 1
    live.update_events([Spike(1800, 9), "an entry"])
    with pytest.raises(ValueError, match="in order"):
        live.update_events([Spike(1790, 9)])
    with pytest.raises(ValueError, match="until.*1801.*1800"):
        live.update_events([], until=1800)
    assert live.statistics().channel_spike_counts[8:10] == [1, 1]
    live.update(DetectionResult(1800, 2000, [Spike(1800, 9)]))
    assert live.statistics().channel_spike_counts[8:10] == [1, 2]


def test_there_is_nothing_before_the_first_window() -> None:
    with pytest.raises(ValueError, match="no time"):
        LiveRates().statistics()
    bursts = LiveBursts(0.1, 5, 1)
    bursts.update_events([])
    assert bursts.finish() == []
    with pytest.raises(RuntimeError, match="finish"):
        bursts.update(DetectionResult(0, 1))
    assert LivePsth().numbers().stim_count == 0


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: LiveRates(0), ValueError, "bin_size_sec.*0"),
        (lambda: LiveRates("1"), TypeError, "bin_size_sec"),
        (lambda: LiveRates(start_timestamp=-1), ValueError, "start_timestamp.*-1"),
        (lambda: LiveRates(channel_count=0), ValueError, "channel_count"),
        (lambda: LiveRates(frames_per_second=True), TypeError, "frames_per_second"),
        (lambda: LiveBursts(0.1, -5, 1), ValueError, "onset_freq_hz.*-5"),
        (lambda: LiveBursts(0.1, 5, math.nan), ValueError, "offset_freq_hz"),
        (lambda: LiveBursts(0.00001, 5, 1), ValueError, "bin_size_sec"),
        (lambda: LivePsth([64]), ValueError, "channels"),
        (lambda: LivePsth(before_sec=-1), ValueError, "before_sec"),
        (lambda: LivePsth(design="x"), TypeError, "design"),
        (lambda: LivePsth(blank_sec=math.inf), ValueError, "blank_sec"),
    ],
)
def test_errors_of_arguments_say_which(make: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


@pytest.mark.anyio
async def test_a_stream_of_the_device_gives_what_a_read_gives() -> None:
    dish = Simulator(seed=3, accelerated=True, source="cl.sim.culture:create")
    streamed, read = ((LiveRates(0.05), LivePsth(after_sec=0.1)) for _ in range(2))
    async with cl.aopen(device=dish) as neurons:
        start = neurons.timestamp()
        neurons.stim(20, 1.0)
        async with neurons.events() as stream:
            for live in streamed:
                live.update_events([], until=start)
            while streamed[0].stop_timestamp < start + 20_000:
                batch = await stream.batch()
                for live in streamed:
                    live.update_events(batch)
            stop = streamed[0].stop_timestamp
            window = await neurons.aread(stop - start, start, analysis=True)
    for live in read:
        live.update(window)
    assert repr(streamed[0].statistics()) == repr(read[0].statistics())
    assert streamed[1].numbers() == read[1].numbers()
    assert read[1].numbers().stim_count == 1 and read[1].numbers().counts.any()
