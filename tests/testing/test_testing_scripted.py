"""The scripted source plays exactly what it is given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cl
from cl.testing import ScriptedSource, Simulator

SCRIPTS = st.lists(st.tuples(st.integers(0, 6_000), st.sampled_from([1, 8, 9, 62])), max_size=20, unique=True)


def test_the_spikes_are_those_given() -> None:
    script = [(700, 9), (10, 8), (10, 3), (2_600, 8)]
    with Simulator(spikes=script) as neurons:
        seen = [s for tick in neurons.loop(1_000, stop_after_seconds=0.2) for s in tick.analysis.spikes]
    assert [(spike.timestamp, spike.channel) for spike in seen] == sorted(script)


def test_a_spike_looks_like_one() -> None:
    with Simulator(spikes=[(500, 8), (500, 9), (520, 8)]) as neurons:
        frames = neurons.read(1_000)
        (lone,) = [s for s in neurons.read(1_000, 0, analysis=True).spikes if s.channel == 9]
        assert lone.samples.argmin() == 25
        assert lone.samples.min() < -30
    assert not frames[:475].any()
    assert not frames[595:].any()
    assert set(np.flatnonzero(frames.any(axis=0))) == {8, 9}
    assert frames[500, 9] == frames[:, 9].min() == -200
    alone = frames[475:550, 9].astype(int)
    both = np.zeros(1_000, int)
    both[475:550] += alone
    both[495:570] += alone
    assert (frames[:, 8] == both).all(), "neighbours add up"


def test_silence_by_default_and_noise_on_request() -> None:
    with Simulator(spikes=[]) as neurons:
        assert not neurons.read(5_000).any()
    with Simulator(seed=4, spikes=[], noise=20) as neurons:
        frames = neurons.read(5_000)
        assert spikes_in(neurons) == []
    active = frames[:, [c for c in range(64) if c not in (0, 7, 56, 63)]]
    assert active.std() == pytest.approx(20, abs=0.5)
    assert not frames[:, [0, 7, 56, 63]].any()
    with Simulator(seed=5, spikes=[], noise=20) as neurons:
        assert (neurons.read(5_000) != frames).any()


def spikes_in(neurons: cl.Neurons) -> list[cl.Spike]:
    return neurons.read(5_000, 0, analysis=True).spikes


@given(script=SCRIPTS, cuts=st.lists(st.integers(1, 6_000), max_size=6), noise=st.sampled_from([0.0, 7.5]))
@settings(max_examples=40, deadline=None)
def test_the_windows_that_are_asked_for_do_not_matter(
    script: list[tuple[int, int]], cuts: list[int], noise: float
) -> None:
    source = ScriptedSource(script, noise=noise, seed=1)
    whole = source.read(0, 6_100)
    edges = sorted({0, *cuts, 6_100})
    parts = [source.read(a, b - a) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate([part.frames for part in parts]), whole.frames)
    assert [spike for part in parts for spike in part.spikes] == list(whole.spikes)
    assert [(spike.timestamp, spike.channel) for spike in whole.spikes] == sorted(script)


def test_a_device_may_begin_at_any_time() -> None:
    with Simulator(source=lambda: ScriptedSource([(1_000_010, 8)], start_timestamp=1_000_000)) as neurons:
        assert neurons.timestamp() == 1_000_000
        assert neurons.read(100, analysis=True).spikes == [cl.Spike(1_000_010, 8)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"spikes": [(5, 64)]}, "channel 64 at 5 is out of range"),
        ({"spikes": [(5, -1)]}, "channel -1"),
        ({"spikes": [(-1, 8)]}, "-1 lies before the first frame, 0"),
        ({"spikes": [(5, 8), (6, 8), (5, 8)]}, "there are two at 5 on channel 8"),
        ({"noise": -1.0}, "noise must be at least 0"),
        ({"noise": float("nan")}, "noise must be at least 0"),
    ],
)
def test_scripts_that_cannot_be_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ScriptedSource(**arguments)  # type: ignore[arg-type]


def test_a_script_that_is_no_pairs() -> None:
    with pytest.raises(
        TypeError, match=r"spikes: 8 is no pair of a timestamp and a channel, such as \(100, 8\)"
    ):
        ScriptedSource([8])  # type: ignore[list-item]
