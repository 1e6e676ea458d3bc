"""The culture through the public API: pulses evoke spikes, but not on electrodes that reach nobody."""

from __future__ import annotations

import json
from functools import cache
from math import comb

import pytest

import cl

TRIALS = 40
ANSWER = 500
"""Frames in which an answer is looked for: 20 ms, as many as before the pulse."""
SILENT = 29


@pytest.fixture(autouse=True)
def culture(monkeypatch: pytest.MonkeyPatch, accelerated: None) -> None:
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE_CONFIG", json.dumps({"seed": 5, "silent_channels": [SILENT]}))


@cache
def trials(channel: int | None) -> list[tuple[int, int]]:
    """Return how many spikes there were before and after each of many pulses, half a second apart.

    The same whenever it is asked, by the seed, so it is tried once.
    """
    counts = []
    with cl.open() as neurons:
        neurons.read(25_000)
        for _ in range(TRIALS):
            # Not within a network burst, nor right after one: then nobody has anything left to answer with.
            while len(neurons.read(5_000, analysis=True).spikes) > 100:
                pass
            now = neurons.timestamp()
            if channel is not None:
                neurons.stim(channel, 1.0)
            after = neurons.read(2 + ANSWER, now, analysis=True)
            before = neurons.read(ANSWER, now - ANSWER, analysis=True)
            assert [stim.channel for stim in after.stims] == ([] if channel is None else [channel])
            counts.append((len(before.spikes), len(after.spikes)))
            neurons.read(7_500)
    return counts


def sign_test(pairs: list[tuple[int, int]]) -> float:
    """Return the probability of so many increases, were increases and decreases equally likely.

    The one-sided sign test (Dixon and Mood 1946); ties are left out.
    """
    more = sum(after > before for before, after in pairs)
    count = sum(after != before for before, after in pairs)
    return sum(comb(count, k) for k in range(more, count + 1)) / 2**count


@pytest.mark.parametrize("channel", [21, 37, 50])
def test_a_pulse_evokes_spikes(channel: int) -> None:
    assert sign_test(trials(channel)) < 1e-4


@pytest.mark.parametrize("channel", [None, SILENT, 4])
def test_nothing_is_evoked_where_nobody_is_reached(channel: int | None) -> None:
    pairs = trials(channel)
    assert sign_test(pairs) > 0.01
    assert sign_test([(after, before) for before, after in pairs]) > 0.01


def test_nothing_else_changes_on_a_silent_electrode() -> None:
    # Its pulse leaves the culture as it is: the same seed does the same with it and without.
    assert trials(SILENT) == trials(None)
    assert trials(37) != trials(None)


def test_what_is_stimulated_more_answers_more() -> None:
    def evoked(current: float) -> int:
        with cl.open() as neurons:
            total = 0
            for _ in range(20):
                now = neurons.timestamp()
                neurons.stim(37, current)
                total += len(neurons.read(1_250, now, analysis=True).spikes)
                neurons.read(6_250)
        return total

    assert evoked(0.2) < evoked(1.0)
