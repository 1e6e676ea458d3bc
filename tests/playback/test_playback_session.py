"""What keys do to a player, and what the status line says of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.playback.session import KEYS, Session
from cl.visualisation.server import player as player_module
from cl.visualisation.server.commands import Play, Speed
from cl.visualisation.server.player import Player, Recorded

MINUTES = 3


class Clock:
    """A clock of the test's own, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(player_module, "host_seconds", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def session(clock: Clock, monkeypatch: pytest.MonkeyPatch, shared_data: Path) -> Iterator[Session]:
    recorded = Recorded(shared_data / "reference_recording.h5")
    recorded.stop = recorded.start + MINUTES * 60 * 25_000
    yield Session(Player(recorded, playing=False), recorded, (), io.StringIO())
    recorded.close()


def seconds(session: Session) -> float:
    return (session._player.position() - session._recorded.start) / 25_000


def press(session: Session, *keys: str) -> str:
    """Press keys; return the status line."""
    for key in keys:
        session.press(key)
    return session.line()


def test_it_starts_paused_at_the_start(session: Session, clock: Clock) -> None:
    clock.now += 10
    assert session.line() == "⏸ PAUSED  0:00.000 / 3:00.000  (  0.0%)"


def test_space_resumes_and_pauses(session: Session, clock: Clock) -> None:
    assert press(session, " ") == "▶ PLAYING  0:00.000 / 3:00.000  (  0.0%)  | Resumed"
    clock.now += 45
    assert press(session, " ") == "⏸ PAUSED  0:45.000 / 3:00.000  ( 25.0%)  | Paused"
    clock.now += 45
    assert seconds(session) == 45


def test_arrows_skip_within_the_recording(session: Session) -> None:
    assert "0:05.000" in press(session, "right")
    assert "1:05.000" in press(session, "minute on")
    assert "1:00.000" in press(session, "left")
    assert "0:00.000" in press(session, "minute back", "minute back")
    assert "3:00.000 / 3:00.000  (100.0%)" in press(session, *["minute on"] * 4)


def test_speeds_go_by_quarters_within_their_limits(session: Session, clock: Clock) -> None:
    assert press(session, "up") == "⏸ PAUSED  [1.25x]  0:00.000 / 3:00.000  (  0.0%)  | Speed: 1.25x"
    press(session, " ")
    clock.now += 8
    assert seconds(session) == 10
    assert "[4x]" in press(session, *["up"] * 20)
    assert "[0.25x]" in press(session, *["down"] * 20)
    clock.now += 4
    assert seconds(session) == 11
    assert "x]" not in press(session, *["up"] * 3)
    # The page's own speeds go further.
    session._player.control(Speed(10))
    assert "[4x]" in press(session, "down")


def test_it_goes_to_a_time_that_is_typed(session: Session) -> None:
    assert press(session, "g") == "Go to (MM:SS or SS): "
    assert press(session, *"1:1x", "erase", "0.5") == "Go to (MM:SS or SS): 1:1"
    assert press(session, *"0.5") == "Go to (MM:SS or SS): 1:10.5"
    assert press(session, "enter").endswith("1:10.500 / 3:00.000  ( 39.2%)  | Jumped to 1:10.500")
    assert press(session, "g", *"9:00", "enter").endswith("| Jumped to 3:00.000")
    for text in ("inf", "-5", "1e2", "q"):
        assert press(session, "g", *text, "enter").endswith("| Invalid time format")
    assert seconds(session) == 180
    assert press(session, "r", "g", "5", "escape").startswith("⏸ PAUSED  0:00.000")
    assert press(session, "g", "enter").startswith("⏸ PAUSED  0:00.000")


def test_it_pauses_at_the_end_and_space_pauses_again(session: Session, clock: Clock) -> None:
    press(session, " ")
    clock.now += 500
    assert session.line().startswith("⏸ PAUSED  3:00.000 / 3:00.000  (100.0%)")
    assert press(session, " ").startswith("⏸ PAUSED  3:00.000")
    press(session, "r")
    clock.now += 5
    assert seconds(session) == 0
    press(session, " ", "right", "r")
    clock.now += 5
    assert seconds(session) == 5  # r keeps it playing


def test_the_page_and_the_keys_steer_the_same_position(session: Session, clock: Clock) -> None:
    session._player.control(Play(True))
    clock.now += 2
    assert press(session, "right").startswith("▶ PLAYING  0:07.000")


def test_keys_end_it_and_are_told(session: Session) -> None:
    for letter in "h?":
        screen = io.StringIO()
        session._screen = screen
        session._keys = [None, letter, "z", "q", " "]
        session.run()
        assert screen.getvalue().count(KEYS) == 2
        assert not session._player.playing
        assert "\x1b" not in screen.getvalue()  # it is no terminal


def test_a_recording_that_still_runs_is_followed_without_a_page(tmp_path: Path, clock: Clock) -> None:
    writer = RecordingWriter(tmp_path / "a.h5", RecordingHeader())
    writer.flush()
    recorded = Recorded(tmp_path / "a.h5")
    try:
        player = Player(recorded)
        session = Session(player, recorded, (), io.StringIO())
        clock.now += 5
        assert (player.at_end, player.playing) == (False, True)
        writer.append_samples(np.zeros((75_000, 64), np.int16))
        writer.flush()
        assert session.line() == "▶ PLAYING  0:03.000 / 0:03.000  (100.0%)"
        writer.finish()
        clock.now += 2
        assert session.line().startswith("⏸ PAUSED")
    finally:
        recorded.close()
