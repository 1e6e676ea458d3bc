"""The watchdog, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl.hw.driver.watchdog import MISSED_SIGNS, Watchdog
from cl.hw.wire.layout import USUAL_LIVENESS_MS

MS = 1_000_000
LIMIT_NS = MISSED_SIGNS * USUAL_LIVENESS_MS * MS


def looks(dog: Watchdog, times: list[int], **state: int | bool) -> list[int]:
    """The times at which something was wrong."""
    liveness, posted = int(state.get("liveness", 0)), int(state.get("posted", 0))
    running = bool(state.get("running", True))
    return [t for t in times if dog.look(t, liveness, posted, running, MS) is not None]


def test_a_frozen_device_is_gone_after_the_limit_and_well_within_200_ms() -> None:
    wrong = looks(Watchdog(0, 0, 0, LIMIT_NS), [t * 5 * MS for t in range(60)])
    assert wrong[0] == LIMIT_NS
    assert LIMIT_NS + 5 * MS < 200 * MS


def test_the_text_says_how_long() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    texts = [dog.look(t * 10 * MS, 0, 0, True, MS) for t in range(17)]
    assert "no sign of life for 150 ms" in str(texts[15])


def test_signs_of_life_and_frames_keep_it_quiet() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    assert not any(dog.look(t * 20 * MS, t // 7, t // 7, True, MS) for t in range(500))


def test_a_device_that_lives_but_delivers_nothing_is_gone_too() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    texts = [dog.look(t * 5 * MS, t, 0, True, MS) for t in range(40)]
    first = next(i for i, text in enumerate(texts) if text)
    assert "delivered no frames" in str(texts[first])
    assert first * 5 * MS < 200 * MS


def test_a_stopped_device_need_not_deliver() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    assert not any(dog.look(t * 5 * MS, t, 0, False, MS) for t in range(200))
    assert dog.look(200 * 5 * MS, 200, 0, True, MS) is None


def test_long_moderation_gives_more_time_for_frames() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    wrong = [t for t in range(200) if dog.look(t * 5 * MS, t, 0, True, 100 * MS)]
    assert wrong[0] * 5 == 450


def test_a_process_that_was_held_up_does_not_blame_the_device() -> None:
    dog = Watchdog(0, 0, 0, LIMIT_NS)
    assert dog.look(3_600_000 * MS, 0, 0, True, MS) is None
    assert dog.look(3_600_005 * MS, 0, 0, True, MS) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300 * MS), st.booleans()), max_size=60))
def test_it_never_barks_before_the_limit_of_silence(steps: list[tuple[int, bool]]) -> None:
    dog, now, silent, life = Watchdog(0, 0, 0, LIMIT_NS), 0, 0, 0
    for passed, alive in steps:
        now += passed
        silent = 0 if alive else silent + passed
        life += alive
        wrong = dog.look(now, life, life, True, MS)
        if wrong:
            assert silent >= LIMIT_NS
        if alive:
            assert wrong is None


@pytest.mark.parametrize("limit", [20 * MS, 500 * MS])
def test_the_limit_can_be_chosen(limit: int) -> None:
    wrong = looks(Watchdog(0, 0, 0, limit), [t * 5 * MS for t in range(200)])
    assert wrong[0] == limit
