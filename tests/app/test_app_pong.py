"""The bundled application `pong`: the game, what the culture is told, and what follows a hit and a miss."""

from __future__ import annotations

import csv
import random
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundled_tools import recorded, run_bundled
from extras import need_extra

need_extra("app", "pydantic")

import cl  # noqa: E402
from cl.app.bundled.pong.src.app import Artifacts  # noqa: E402
from cl.app.bundled.pong.src.config import PongConfig  # noqa: E402
from cl.app.bundled.pong.src.game import Game, Outcome  # noqa: E402
from cl.app.bundled.pong.src.play import Play, Score, Stimulation  # noqa: E402
from cl.app.bundled.pong.src.summary import text  # noqa: E402
from cl.events import Spike, Stim  # noqa: E402

TICK_S = 0.01
PULSE = cl.StimDesign(160, -1.0, 160, 1.0)
SURPRISE = cl.StimDesign(160, -2.0, 160, 2.0)


def game(seed: int = 1) -> Game:
    return Game(random.Random(seed), crossing_s=1.0, paddle_size=0.2, paddle_speed=1.0)


def play_of(**config: Any) -> Play:
    """Return a game in which a ball comes every other second, and a paddle can follow it or keep away."""
    quick = {"crossing_s": 1.0, "paddle_speed": 3.0, "paddle_size": 0.2}
    return Play(PongConfig(name="x", **{**quick, **config}), TICK_S)


def played(play: Play, ticks: int, follow: bool) -> list[tuple[str, list[Stimulation]]]:
    """Play on with spikes that move the paddle to the ball, or away from it; return phases and stims."""
    found = []
    for _ in range(ticks):
        shown = play.shown()
        ball = shown["ball"][1]
        off = (ball if follow else (ball + 0.5) % 1.0) - shown["paddle"]
        channels = [] if abs(off) < 0.03 else [32] if off < 0 else [34]
        told = play.step([Spike(0, channel) for channel in channels])
        found.append((play.phase.value, told))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_the_ball_stays_in_the_court_and_comes_at_its_time(seed: int) -> None:
    one = game(seed)
    outcomes = [one.move_ball(TICK_S, returns=True) for _ in range(1_000)]
    came = [tick for tick, outcome in enumerate(outcomes) if outcome is not None]
    assert came[0] in (99, 100)
    assert all(199 <= late - early <= 201 for early, late in pairwise(came))
    for _ in range(1_000):
        one.move_ball(TICK_S, returns=True)
        assert all(0.0 <= part <= 1.0 for part in one.ball)


def test_the_paddle_hits_what_comes_to_it_and_stays_in_the_court() -> None:
    seen = {Outcome.HIT: 0, Outcome.MISS: 0}
    for seed in range(60):
        one = game(seed)
        one.paddle = 0.5
        while (outcome := one.move_ball(TICK_S)) is None:
            pass
        seen[outcome] += 1
        assert (abs(one.ball[1] - 0.5) <= 0.1) is (outcome is Outcome.HIT)
        assert (one.ball[0] == 0.0) is (outcome is Outcome.MISS)
    assert min(seen.values()) > 5
    for direction, end in ((-1, 0.1), (1, 0.9)):
        for _ in range(200):
            one.move_paddle(TICK_S, direction)
        assert one.paddle == pytest.approx(end)


def test_a_culture_that_follows_the_ball_has_long_rallies() -> None:
    play = play_of()
    played(play, 4_000, follow=True)
    assert play.score.hits >= 18 and play.score.rallies == []
    play = play_of()
    played(play, 4_000, follow=False)
    assert play.score.hits == 0 and len(play.score.rallies) == 5  # 1 s of play, 4 s of stimulus, 4 s of rest


def test_a_hit_is_answered_the_same_way_each_time_on_all_electrodes_at_once() -> None:
    play = play_of()
    found = played(play, 4_000, follow=True)
    answers = [tick for tick, (_, told) in enumerate(found) if told and told[0].burst is not None]
    assert len(answers) == play.score.hits
    for tick in answers:
        (answer,) = found[tick][1]
        assert sorted(answer.channels) == list(range(16, 24))
        assert answer.burst == cl.BurstDesign(10, 100) and answer.design == PULSE
        assert not any(told for _, told in found[tick + 1 : tick + 10])  # the ball is not told meanwhile


def test_a_miss_is_answered_at_random_and_followed_by_a_rest() -> None:
    found = played(play_of(rest_s=2.0), 4_000, follow=False)
    phases = [(phase, [*ticks]) for phase, ticks in groupby(found, key=lambda one: one[0])][:-1]
    assert [phase for phase, _ in phases[:4]] == ["play", "miss", "rest", "play"]
    answers = []
    for phase, ticks in phases:
        given = [(tick, one) for tick, (_, told) in enumerate(ticks) for one in told]
        if phase == "miss":
            assert len(ticks) == 400 and 15 <= len(given) <= 20
            assert {one.design for _, one in given} == {SURPRISE}
            assert len({tuple(one.channels) for _, one in given}) > 3
            answers.append([(tick, *one.channels) for tick, one in given])
        if phase == "rest":
            assert len(ticks) == 200 and not given
        if phase == "play":
            assert {one.design for _, one in given} == {PULSE}
    assert answers[0] != answers[1]


@pytest.mark.parametrize(("feedback", "balls"), [("silent", 3), ("none", 13)])
def test_the_controls_tell_the_ball_and_nothing_else(feedback: Any, balls: int) -> None:
    play = play_of(feedback=feedback)
    given = [one for _, told in played(play, 2_600, follow=False) for one in told]
    assert len(play.score.rallies) + play.score.hits == balls and play.score.hits <= 1
    assert {one.design for one in given} == {PULSE}
    assert all(len(list(one.channels)) == 1 and one.burst is None for one in given)


def test_it_plays_with_a_culture_and_records_all_of_it(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run_bundled("pong", tmp_path, monkeypatch, duration=20, unpredictable_s=2.0, rest_s=1.0)
    with recorded(output) as view:
        stims, designs = view.stims[:], view.stim_designs[:]
        stream = view.data_streams["pong"]
        ticks = dict(stream.items())
        assert view.samples is None and view.attributes["duration_frames"] == 20 * 25_000
        spike_count = len(view.spikes)
    assert len(ticks) == 2_000 and spike_count > 1_000
    assert set(stims["channel"]) <= set(range(16, 24))
    last = ticks[max(ticks)]
    rows = [*csv.DictReader((output / "rallies.csv").read_text().splitlines())]
    assert last["misses"] == len(rows) > 0
    assert f"{last['hits']} hits and {last['misses']} misses in 20 s" in capsys.readouterr().out
    told = 0
    for stim, design in zip(stims, designs, strict=True):
        # The tick that has asked for it is the last one before it; a burst's later pulses fall into others.
        at = int(stim["timestamp"]) // 250 * 250
        shown = ticks[at]
        surprising = bool(design["current_uA"][0] == -2.0)
        assert surprising is (shown["phase"] == "miss")
        if shown["phase"] == "play":
            told += 1
            assert stim["channel"] == 16 + min(int(shown["ball"][1] * 8), 7)
    assert told > 50
    near = [tick["paddle"] for tick in ticks.values()]
    assert np.ptp(near) > 0.1  # it moves


def test_what_is_detected_right_after_a_stim_is_left_out() -> None:
    artifacts = Artifacts()
    spikes = [Spike(frame, 40) for frame in (99, 100, 124, 125)]
    kept = artifacts.without(spikes, [Stim(100, 16)])
    assert [spike.timestamp for spike in kept] == [99, 125]
    assert artifacts.without([Spike(120, 40)], []) == []  # of the tick before


def test_the_summary_compares_the_first_quarter_with_the_rest() -> None:
    score = Score(hits=7, rallies=[(1.0, 0), (24.0, 4), (25.0, 3), (90.0, 0)])
    found = text(PongConfig(name="x", duration=100), score)
    assert "7 hits and 4 misses in 100 s" in found
    assert "| first quarter | 2 | 2.00 | 4 | 50% | 50% |" in found
    assert "| rest | 2 | 1.50 | 3 | 50% | 50% |" in found
    assert "late" not in found and "was 12 ms late." in text(PongConfig(name="x"), score, 12.4)
    assert "| whole | 0 | – | – | – | – |" in text(PongConfig(name="x"), Score())


def test_regions_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[16\] are listed twice"):
        PongConfig(name="x", up_channels=[16, 40])
