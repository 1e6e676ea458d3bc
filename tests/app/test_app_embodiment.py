"""How neurons take part in a task: places and rates, regions, feedback."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from cl.app.embodiment import (
    SENSORY_CHANNELS,
    Feedback,
    PlaceRateEncoder,
    RegionDecoder,
    motor_regions,
)
from cl.events import Spike

TICK_S = 0.01


def spikes(*channels: int) -> list[Spike]:
    return [Spike(0, channel) for channel in channels]


def test_a_place_is_a_channel_and_a_magnitude_a_rate() -> None:
    encoder = PlaceRateEncoder()
    places = [encoder.channel(place / 100) for place in range(-5, 106)]
    assert places == sorted(places) and set(places) == set(SENSORY_CHANNELS)
    for magnitude, wanted in ((-1, 4), (0, 4), (0.5, 22), (1, 40), (2, 40)):
        encoder = PlaceRateEncoder()
        given = [encoder.step(TICK_S, 0.3, magnitude) for _ in range(1_000)]
        pulses = [channel for channel in given if channel is not None]
        assert set(pulses) == {SENSORY_CHANNELS[2]}
        assert abs(len(pulses) - 10 * wanted) <= 1


def test_the_phase_goes_on_where_the_rate_changes() -> None:
    encoder = PlaceRateEncoder([1, 2], 10.0, 50.0)
    given = [encoder.step(TICK_S, 1.0, 0.0) for _ in range(9)]
    assert given == [None] * 9
    assert encoder.step(TICK_S, 0.0, 1.0) == 1  # the place of now, not of when the interval began


@pytest.mark.parametrize("count", range(1, 13))
def test_regions_are_apart_and_equal_within_a_pair(count: int) -> None:
    regions = motor_regions(count)
    channels = [channel for region in regions for channel in region]
    assert len(regions) == count and len(set(channels)) == len(channels) == 24
    assert not set(channels) & {0, 4, 7, 56, 63, *SENSORY_CHANNELS}
    assert max(map(len, regions)) - min(map(len, regions)) <= 2


def test_two_regions_alternate_every_two_rows() -> None:
    up, down = motor_regions(2)
    assert {channel % 8 for channel in up} == {0, 1, 4, 5} and {channel % 8 for channel in down} == {
        2,
        3,
        6,
        7,
    }
    with pytest.raises(ValueError, match="13"):
        motor_regions(13)


def test_the_more_active_region_is_chosen_and_activity_fades() -> None:
    decoder = RegionDecoder([[1, 2], [3]], memory_s=0.1, balance_s=None)
    assert decoder.choice() is None
    decoder.update(spikes(1, 2, 3, 60), TICK_S)
    assert decoder.activity == [2.0, 1.0] and decoder.choice() == 0
    decoder.update(spikes(3), 0.1)
    assert decoder.choice() == 1 and decoder.activity[0] == pytest.approx(2 / 2.718281828)
    decoder = RegionDecoder([[1], [3]])
    decoder.update(spikes(1, 3), TICK_S)
    assert decoder.choice() is None  # a tie


def test_a_region_that_is_always_more_active_does_not_always_win() -> None:
    chosen = {}
    for balance_s in (None, 10.0):
        decoder, choices = RegionDecoder([[1], [2]], balance_s=balance_s), []
        rng = random.Random(5)
        for _ in range(3_000):
            busy = [channel for channel, p in ((1, 0.6), (2, 0.2)) if rng.random() < p]
            decoder.update(spikes(*busy), TICK_S)
            choices.append(decoder.choice())
        chosen[balance_s] = choices[1_000:].count(0) / 2_000
    assert chosen[None] > 0.85 and 0.4 < chosen[10.0] < 0.65


def test_a_silent_region_is_not_amplified_without_end() -> None:
    decoder = RegionDecoder([[1], [2]], balance_s=10.0)
    for _ in range(1_000):
        decoder.update(spikes(1), TICK_S)
    before = decoder.activity[0]
    decoder.update(spikes(2), TICK_S)
    assert decoder.activity[1] < 5 and before > 1


def test_what_is_predictable_is_always_the_same() -> None:
    feedback = Feedback(random.Random(1))
    assert (feedback.burst.burst_count, feedback.burst.burst_hz) == (10, 100.0)
    assert sorted(feedback.channel_set) == list(SENSORY_CHANNELS)


def test_what_is_unpredictable_has_random_places_and_times() -> None:
    feedback = Feedback(random.Random(1), unpredictable_hz=25.0)
    assert feedback.step(10.0) == []
    seen = []
    for _ in range(2):
        feedback.begin()
        ticks = [feedback.step(TICK_S) for _ in range(400)]
        given = [(tick, channel) for tick, channels in enumerate(ticks) for channel in channels]
        assert 95 <= len(given) <= 100 and {channel for _, channel in given} == set(SENSORY_CHANNELS)
        gaps = {late[0] - early[0] for early, late in pairwise(given)}
        assert len(gaps) > 5
        assert feedback.step(10.0) == []
        seen.append(given)
    assert seen[0] != seen[1]
    again = Feedback(random.Random(1), unpredictable_hz=25.0)
    again.begin()
    assert [(t, c) for t in range(400) for c in again.step(TICK_S)] == seen[0]


def test_wrong_arguments_are_named() -> None:
    for wrong, text in (
        (lambda: PlaceRateEncoder([]), "channels"),
        (lambda: PlaceRateEncoder([1, 1]), "channels"),
        (lambda: PlaceRateEncoder([64]), "64"),
        (lambda: PlaceRateEncoder(lowest_hz=5, highest_hz=4), "highest_hz"),
        (lambda: PlaceRateEncoder().step(TICK_S, float("nan"), 0.0), "NaN"),
        (lambda: PlaceRateEncoder(lowest_hz=float("inf")), "lowest_hz"),
        (lambda: RegionDecoder([]), "region"),
        (lambda: RegionDecoder([[1], [1]]), "one region only"),
        (lambda: RegionDecoder([[1]], memory_s=0), "memory_s"),
        (lambda: Feedback(random.Random(), unpredictable_s=-1), "unpredictable_s"),
    ):
        with pytest.raises(ValueError, match=text):
            wrong()
