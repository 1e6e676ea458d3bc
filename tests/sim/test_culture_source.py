"""The culture as a data source: the same however it is read, and nothing before its cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl.sim.culture import Culture, create
from cl.sim.user.data_source import DataSourceStim, SimulatorDataSource, SimulatorDataSourceMetadata, reacts

LIVELY = {"size": 200, "seed": 3, "background": 1.4, "connectivity": 0.2}
GROUNDED = (0, 7, 56, 63)


class Taken(NamedTuple):
    frames: NDArray[np.int16]
    spikes: list[tuple[int, int]]


def pulse(timestamp: int, channel: int, current: float = -1.0, duration: int = 160) -> DataSourceStim:
    return DataSourceStim(timestamp, channel, timestamp, (duration, duration), (current, -current))


def take(culture: Culture, count: int) -> Taken:
    """Read on from where the culture is."""
    batch = culture.read(culture.position, count)
    assert batch.frames is not None
    return Taken(batch.frames, [(spike.timestamp, spike.channel) for spike in batch.spikes])


def play(culture: Culture, edges: Sequence[int], stims: Sequence[DataSourceStim] = ()) -> Taken:
    """Read up to each edge; stims are told at their frame, before the frames that follow."""
    start = culture.position
    told = sorted(stims, key=lambda stim: (stim.timestamp, stim.channel))
    frames, spikes = [], []
    for edge in sorted({*(start + edge for edge in edges), *(stim.timestamp for stim in told)}):
        if edge > culture.position:
            part = take(culture, edge - culture.position)
            frames.append(part.frames)
            spikes += part.spikes
        culture.on_stims([stim for stim in told if stim.timestamp == edge])
    return Taken(np.concatenate(frames), spikes)


def same(a: Taken, b: Taken) -> bool:
    return np.array_equal(a.frames, b.frames) and a.spikes == b.spikes


SOME_STIMS = [
    pulse(1_000, 12),
    pulse(1_000, 27, -2.0),
    pulse(3_011, 27, 1.5, 200),
    pulse(3_036, 41, -3.0),
    pulse(7_499, 10),
    pulse(7_500, 10),
    pulse(18_024, 50, -0.5, 400),
]


@pytest.mark.parametrize("size", [7, 25, 250, 3_333])
@pytest.mark.parametrize("stims", [[], SOME_STIMS], ids=["alone", "stimulated"])
def test_windows_do_not_matter(size: int, stims: list[DataSourceStim]) -> None:
    whole = play(create(seed=2), [25_000], stims)
    assert len(whole.spikes) > (100 if stims else 5)
    assert same(play(create(seed=2), [*range(size, 25_000, size), 25_000], stims), whole)


def test_windows_of_one_frame() -> None:
    config = {"seed": 2}
    stims = [stim for stim in SOME_STIMS if stim.timestamp < 5_000]
    whole = play(create(**config), [5_000], stims)
    assert len(whole.spikes) > 20
    assert same(play(create(**config), range(1, 5_001), stims), whole)


def test_stims_may_be_told_ahead_of_their_window() -> None:
    at_their_frame = play(create(**LIVELY), [25_000], SOME_STIMS)
    ahead = create(**LIVELY)
    ahead.on_stims(SOME_STIMS)
    assert same(play(ahead, [25_000]), at_their_frame)


def test_the_order_in_which_simultaneous_stims_are_told_does_not_matter() -> None:
    stims = [pulse(500, channel, -0.1 * channel) for channel in range(9, 30)]
    forward, backward = create(**LIVELY), create(**LIVELY)
    forward.on_stims(stims)
    backward.on_stims(stims[::-1])
    assert same(play(forward, [5_000]), play(backward, [5_000]))
    # Sums of float32 do depend on the order: it is put right.
    pulses = [(500, channel, 0.01 * channel) for channel in range(9, 30)]
    assert np.array_equal(forward._kick(pulses), forward._kick(pulses[::-1]))


@settings(deadline=None, max_examples=25)
@given(
    cuts=st.lists(st.integers(0, 5_000), max_size=40),
    stims=st.lists(
        st.builds(pulse, st.integers(0, 4_999), st.integers(8, 55), st.sampled_from([-3.0, -1.0, 1.0])),
        max_size=20,
    ),
)
def test_any_windows_any_stims(cuts: list[int], stims: list[DataSourceStim]) -> None:
    whole = play(create(**LIVELY), [5_000], stims)
    assert same(play(create(**LIVELY), [*cuts, 5_000], stims), whole)


@settings(deadline=None, max_examples=25)
@given(frame=st.integers(0, 4_000), channel=st.integers(8, 55))
def test_a_stim_changes_nothing_before_it(frame: int, channel: int) -> None:
    without = play(create(**LIVELY), [5_000])
    stimulated = play(create(**LIVELY), [5_000], [pulse(frame, channel, -3.0)])
    assert np.array_equal(stimulated.frames[:frame], without.frames[:frame])
    # The artifact begins with the stim's own frame, where it is told even in the middle of a step.
    assert not np.array_equal(stimulated.frames[frame], without.frames[frame])
    # No neuron answers sooner than a whole step later.
    answers = set(stimulated.spikes) ^ set(without.spikes)
    assert all(timestamp >= frame + 25 for timestamp, _ in answers)


def test_the_same_seed_is_the_same_culture() -> None:
    first = play(create(seed=5), [50_000], SOME_STIMS)
    again = play(create(seed=5), [50_000], SOME_STIMS)
    other = play(create(seed=6), [50_000], SOME_STIMS)
    assert same(first, again)
    assert not np.array_equal(first.frames, other.frames)
    assert first.spikes != other.spikes


def test_plasticity_does_not_break_any_of_it() -> None:
    config = {**LIVELY, "plasticity": True}
    whole = play(create(**config), [50_000], SOME_STIMS)
    assert same(play(create(**config), range(250, 50_001, 250), SOME_STIMS), whole)
    assert whole.spikes != play(create(**LIVELY), [50_000], SOME_STIMS).spikes


def test_opening_begins_again() -> None:
    culture = create(**{**LIVELY, "plasticity": True})
    culture.open()
    first = play(culture, [25_000], SOME_STIMS)
    culture.close()
    culture.open()
    assert same(play(culture, [25_000], SOME_STIMS), first)


def test_stims_left_over_from_the_last_time_are_forgotten() -> None:
    culture = create(**LIVELY)
    culture.on_stims([pulse(100, 27)])
    culture.open()
    assert same(play(culture, [5_000]), play(create(**LIVELY), [5_000]))


def test_the_start_timestamp_only_shifts() -> None:
    start = 1_234_567
    shifted = create(**LIVELY, metadata={"start_timestamp": start})
    stims = [pulse(stim.timestamp + start, stim.channel, -1.0) for stim in SOME_STIMS]
    there = play(shifted, [20_000], stims)
    here = play(create(**LIVELY), [20_000], [pulse(s.timestamp, s.channel, -1.0) for s in SOME_STIMS])
    assert np.array_equal(there.frames, here.frames)
    assert there.spikes == [(timestamp + start, channel) for timestamp, channel in here.spikes]


def test_frames_and_spikes_are_as_the_simulator_wants_them() -> None:
    taken = play(create(seed=1), range(25, 50_001, 25))
    assert taken.frames.dtype == np.int16
    assert taken.frames.shape == (50_000, 64)
    assert taken.frames.flags.owndata or taken.frames.base is None
    assert taken.spikes == sorted(taken.spikes)
    assert all(type(timestamp) is int and type(channel) is int for timestamp, channel in taken.spikes)
    assert {channel for _, channel in taken.spikes} <= {*range(64)} - {*GROUNDED, 4}
    for channel in range(64):
        times = [timestamp for timestamp, c in taken.spikes if c == channel]
        assert all(np.diff(times) >= 25)


def test_spikes_lie_in_the_window_they_come_with() -> None:
    culture = create(**LIVELY)
    for _ in range(2_000):
        start = culture.position
        part = take(culture, 13)
        assert all(start <= timestamp < start + 13 for timestamp, _ in part.spikes)


def test_windows_must_follow_one_another() -> None:
    culture = create(**LIVELY)
    culture.read(0, 100)
    with pytest.raises(ValueError, match="from 100, not 5 frames from 0"):
        culture.read(0, 5)
    with pytest.raises(ValueError, match="from 100, not -1 frames from 100"):
        culture.read(100, -1)
    with pytest.raises(TypeError):
        culture.read(100, 1.5)  # type: ignore[arg-type]
    assert len(take(culture, 0).frames) == 0
    assert len(take(culture, 3).frames) == 3


def test_a_stim_in_the_past_is_refused() -> None:
    culture = create(**LIVELY)
    culture.read(0, 100)
    with pytest.raises(ValueError, match="stim at 99, but its frames up to 100"):
        culture.on_stims([pulse(99, 20)])


def test_metadata() -> None:
    culture = create(**LIVELY)
    assert isinstance(culture, SimulatorDataSource)
    metadata = culture.metadata
    assert (metadata.channel_count, metadata.frames_per_second, metadata.start_timestamp) == (64, 25_000, 0)
    assert metadata.uV_per_sample_unit == 0.195
    assert metadata.supports_accelerated and not metadata.seekable and not metadata.realtime_only
    assert metadata.duration_frames is None
    assert reacts(culture, metadata)


def test_metadata_can_be_handed_over_as_an_object() -> None:
    given_ = SimulatorDataSourceMetadata(start_timestamp=77, duration_frames=500, uV_per_sample_unit=0.5)
    metadata = create(**LIVELY, metadata=given_).metadata
    assert (metadata.start_timestamp, metadata.duration_frames, metadata.uV_per_sample_unit) == (77, 500, 0.5)
    assert not metadata.seekable and metadata.reactive


@pytest.mark.parametrize(
    ("metadata", "error", "text"),
    [
        ({"channel_count": 32}, ValueError, "channel_count is 32, it must be 64"),
        ({"frames_per_second": 20_000}, ValueError, "frames_per_second is 20000"),
        (
            {"uV_per_sample_unit": 0.01},
            ValueError,
            r"uV_per_sample_unit of the culture must be 0\.1 to 10\.0",
        ),
        ({"start_timestamp": 1.5}, TypeError, "start_timestamp"),
        ({"seekable": True}, ValueError, "seekable of the culture must be False, got True"),
        ({"reactive": False}, ValueError, "reactive of the culture must be True, got False"),
        ({"start": 5}, ValueError, "unknown key 'start' in the metadata"),
        ("start_timestamp", TypeError, "metadata of the culture must be a mapping"),
    ],
)
def test_bad_metadata(metadata: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        create(**LIVELY, metadata=metadata)  # type: ignore[arg-type]


def test_the_seed_of_the_environment_is_taken_where_the_config_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert create(size=50).config.seed == 0
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "11")
    assert create(size=50).config.seed == 11
    assert create(size=50, seed=4).config.seed == 4
